// The keyboard on the screen, and two octaves on the computer's letter keys. Lower on a key is louder.
import { byId, clamp, make, put, say } from "./dom.js";

const BLACK = new Set([1, 3, 6, 8, 10]);
const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
// By the place on the keyboard, so that it plays alike whatever letters are printed there.
const LOWER = [
  "KeyZ",
  "KeyS",
  "KeyX",
  "KeyD",
  "KeyC",
  "KeyV",
  "KeyG",
  "KeyB",
  "KeyH",
  "KeyN",
  "KeyJ",
  "KeyM",
  "Comma",
  "KeyL",
  "Period",
  "Semicolon",
  "Slash",
];
const UPPER = [
  "KeyQ",
  "Digit2",
  "KeyW",
  "Digit3",
  "KeyE",
  "KeyR",
  "Digit5",
  "KeyT",
  "Digit6",
  "KeyY",
  "Digit7",
  "KeyU",
  "KeyI",
  "Digit9",
  "KeyO",
  "Digit0",
  "KeyP",
];
const LETTERS = new Map([...LOWER.map((code, step) => [code, step]), ...UPPER.map((code, step) => [code, step + 12])]);
const WHITE_PX = 38;
const [LOWEST, HIGHEST] = [0, 108];

export const noteName = (note) => `${NAMES[note % 12]}${Math.floor(note / 12) - 1}`;

export function keys(instrument) {
  const host = byId("keys");
  const sounding = new Map(); // Who holds which note: a pointer, a letter or the space bar.
  let first = 48; // The note of the leftmost key, a C.
  let velocity = 0.8;

  const start = (who, note, hard) => {
    if (sounding.get(who) === note) return;
    stop(who);
    sounding.set(who, note);
    instrument.noteOn(note, hard);
    light();
  };
  const stop = (who) => {
    const note = sounding.get(who);
    if (note === undefined) return;
    sounding.delete(who);
    if (![...sounding.values()].includes(note)) instrument.noteOff(note);
    light();
  };
  const stopAll = () => {
    for (const who of [...sounding.keys()]) stop(who);
    sustain(false);
  };

  const board = make("div", { id: "board", role: "group", "aria-label": "Keys: arrows choose, Space plays" });
  const down = make("button", { type: "button", "aria-label": "Octave down (key −)", onclick: () => shift(-12) }, "−");
  const up = make("button", { type: "button", "aria-label": "Octave up (key =)", onclick: () => shift(12) }, "+");
  const octave = make("output", { className: "figures" });
  const pedal = make(
    "button",
    { type: "button", "aria-pressed": false, title: "Shift and Space, while held", onclick: () => sustain(!sustained) },
    "Sustain",
  );
  const hard = make("input", {
    type: "range",
    min: 1,
    max: 127,
    value: Math.round(velocity * 127),
    oninput: () => (velocity = hard.value / 127),
  });
  host.replaceChildren(
    make(
      "div",
      { className: "key-tools" },
      make("span", { className: "octave" }, down, octave, up),
      pedal,
      make("label", {}, "Velocity ", hard),
      make("span", { className: "quiet hint" }, "Letters z … / and q … p play; − and = shift the octave."),
    ),
    board,
  );

  let sustained = false;
  function sustain(on) {
    if (on === sustained) return;
    sustained = on;
    put(pedal, "aria-pressed", on);
    instrument.sustain(on);
  }

  function shift(by) {
    const wanted = clamp(first + by, LOWEST, HIGHEST - 12);
    if (wanted === first) return;
    first = wanted;
    draw();
  }

  function draw() {
    const whites = clamp(Math.floor(board.clientWidth / WHITE_PX), 8, 36);
    const made = [];
    for (let note = first, white = 0; white < whites && note <= 127; note++) {
      const black = BLACK.has(note % 12);
      const key = make("button", {
        type: "button",
        tabIndex: note === first ? 0 : -1,
        className: black ? "black" : "white",
        "data-note": note,
        "aria-label": noteName(note),
      });
      if (note % 12 === 0) key.append(make("span", {}, noteName(note)));
      key.style.left = `${(100 * (black ? white - 0.3 : white)) / whites}%`;
      key.style.width = `${(100 * (black ? 0.6 : 1)) / whites}%`;
      made.push(key);
      if (!black) white++;
    }
    board.replaceChildren(...made);
    say(octave, `${noteName(first)} …`);
    light();
  }

  let others = []; // Notes that the instrument holds, whoever plays them.
  function light(state) {
    if (state) others = state.held.map(Math.round);
    const held = new Set([...sounding.values(), ...others]);
    for (const key of board.children) key.classList.toggle("lit", held.has(Number(key.dataset.note)));
  }

  // Pointers. A finger that slides plays what it slides over.
  const under = (event) => {
    const key = document.elementFromPoint(event.clientX, event.clientY)?.closest("#board button");
    if (!key) return null;
    const box = key.getBoundingClientRect();
    return { note: Number(key.dataset.note), hard: clamp((event.clientY - box.top) / box.height, 0.1, 1) };
  };
  board.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    board.setPointerCapture(event.pointerId);
    const at = under(event);
    if (at) start(event.pointerId, at.note, at.hard);
  });
  board.addEventListener("pointermove", (event) => {
    if (!sounding.has(event.pointerId)) return;
    const at = under(event);
    if (at) start(event.pointerId, at.note, at.hard);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    board.addEventListener(end, (event) => stop(event.pointerId));
  }
  // The tab stop moves with the arrows, so that one Tab passes the whole keyboard.
  board.addEventListener("keydown", (event) => {
    const key = event.target.closest("button");
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (way) {
      event.preventDefault();
      const next = way > 0 ? key.nextElementSibling : key.previousElementSibling;
      if (!next) return;
      key.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    } else if ((event.key === " " || event.key === "Enter") && !event.shiftKey) {
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat) start("bar", Number(key.dataset.note), velocity);
    }
  });
  board.addEventListener("keyup", (event) => (event.key === " " || event.key === "Enter") && stop("bar"));

  // Letters, wherever the page's hand is, but not in a field of text.
  const writes = (event) =>
    event.target.closest?.("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || writes(event)) return;
    if (event.code === "Space" && event.shiftKey) {
      event.preventDefault();
      sustain(true);
      return;
    }
    if (event.repeat) return;
    if (event.code === "Minus" || event.code === "Equal") return shift(event.code === "Minus" ? -12 : 12);
    const step = LETTERS.get(event.code);
    if (step === undefined || event.shiftKey) return;
    event.preventDefault();
    start(event.code, clamp(first + step, 0, 127), velocity);
  });
  document.addEventListener("keyup", (event) => {
    if (event.code === "Space" && sustained) sustain(false);
    stop(event.code);
  });

  // A key that goes up while nobody looks would sound on for good.
  window.addEventListener("blur", stopAll);
  window.addEventListener("pagehide", stopAll);
  document.addEventListener("visibilitychange", () => document.hidden && stopAll());
  new ResizeObserver(draw).observe(board);
  draw();
  return { refresh: light, stopAll };
}
