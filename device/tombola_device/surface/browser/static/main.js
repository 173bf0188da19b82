// Ties the page together: instrument → parts; parts → instrument.
import { byId, make, put, say } from "./dom.js";
import { Instrument } from "./instrument.js";
import { book } from "./book.js";
import { figures } from "./figures.js";
import { keys } from "./keys.js";
import { maps } from "./maps.js";
import { blendPad, timbrePad } from "./pads.js";
import { panel } from "./panel.js";
import { scope } from "./scope.js";
import { sound } from "./sound.js";
import { takeMidi } from "./midi.js";
import { words } from "./words.js";

const NOTICE_MS = 6000;
const instrument = new Instrument();

let quiet = 0;
function notice(sentence) {
  clearTimeout(quiet);
  byId("notice").replaceChildren(
    make("p", {}, sentence),
    make("button", { type: "button", "aria-label": "Close", onclick: () => byId("notice").replaceChildren() }, "×"),
  );
  quiet = setTimeout(() => byId("notice").replaceChildren(), NOTICE_MS);
}

const speakers = sound(
  instrument,
  () => {
    put(byId("listen"), "aria-pressed", speakers.on());
    const late = speakers.facts.latency_ms;
    say(byId("listen"), speakers.on() ? `Listening${late ? `, ${Math.round(late)} ms` : ""}` : "Listen");
    instrument.paint();
  },
  notice,
);
async function listen() {
  if (speakers.on()) return speakers.stop();
  return speakers.start().catch((error) => {
    speakers.stop();
    notice(error.message);
  });
}
byId("listen").addEventListener("click", listen);
// Where there is no card, the first touch of anything begins to listen: browsers allow sound only after one.
function begin(event) {
  if (!instrument.state.sound_here) return;
  for (const sign of ["keydown", "pointerup"]) document.removeEventListener(sign, begin, true);
  if (!speakers.on() && !byId("listen").contains(event.target)) listen();
}
for (const sign of ["keydown", "pointerup"]) document.addEventListener(sign, begin, true);
byId("panic").addEventListener("click", () => instrument.do("panic"));

const pads = {
  blend: blendPad(byId("blend-pad"), instrument),
  timbre: timbrePad(byId("timbre-pad"), instrument, (text) => say(byId("timbre-near"), text)),
};
const board = keys(instrument);
const pages = book(instrument, notice);
const show = figures(instrument, () => ({ rtt_ms: instrument.rtt_ms(), sound: speakers.on() ? speakers.facts : null }));
maps(instrument, pads);
const life = byId("life");
for (const sign of ["pointerdown", "pointerup"])
  life.addEventListener(sign, () => instrument.hold("life", sign === "pointerdown"));
life.addEventListener("input", () => instrument.set("life", life.value / 100));
scope(instrument);

const knobs = words(byId("words"), instrument);
const parts = [...Object.values(pads).map(({ refresh }) => refresh), knobs, board.refresh, pages.refresh, show, status];
panel(instrument, {
  listen,
  midi: async () => notice(await takeMidi(instrument)),
  flash: () => pages.pages.Sounds.flash(),
}).then((refresh) => {
  parts.push(refresh);
  instrument.paint();
  document.body.dataset.ready = "true";
});

let said = "";
function status(state) {
  const lively = Math.round(100 * instrument.get("life"));
  if (Number(life.value) !== lively) life.value = lively;
  say(byId("life-shown"), `${lively} %`);
  byId("listen").classList.toggle("wanted", Boolean(state.sound_here) && !speakers.on());
  const sentence = state.fault || (state.lost ? "The card is unplugged; the sound comes back with it." : state.notice);
  if (sentence && sentence !== said) notice(sentence);
  said = sentence;
}

instrument.on("state", (state) => parts.forEach((part) => part(state)));
instrument.on("refused", notice);
instrument.on("standing", (word, sentence) => {
  put(byId("link"), "data-link", word);
  say(byId("link"), sentence);
  byId("door").hidden = word !== "locked";
  if (word === "up") wants();
  else board.stopAll();
});

// Without a cookie the address is asked for; what stands behind its # lets this page in.
byId("door").addEventListener("submit", (event) => {
  event.preventDefault();
  const [, token] = byId("address").value.trim().split("#");
  byId("address").value = "";
  if (token) location.hash = token;
  else notice("Behind a # the address has what lets this page in; copy all of it.");
});

// Maps and pictures are asked for only while somebody sees them.
const seen = { scope: false, blend_map: false, timbre_map: false };
const wants = () =>
  instrument.do(
    "want",
    Object.fromEntries(Object.entries(seen).map(([name, sees]) => [name, sees && !document.hidden])),
  );
const watch = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const name = { "blend-pad": "blend_map", "timbre-pad": "timbre_map", shows: "scope" }[target.id];
    seen[name] = isIntersecting;
  }
  wants();
});
for (const id of ["blend-pad", "timbre-pad", "shows"]) watch.observe(byId(id));
document.addEventListener("visibilitychange", wants);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.target.closest?.("input, select, textarea")) {
    board.stopAll();
    instrument.do("panic");
  }
});
window.addEventListener("resize", () => instrument.paint());
window.matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => instrument.paint());
