// Bundles: what plays, what played before, and new ones by a choice or a drop. They take the same signed way as over the cable.
import { make, put, say } from "./dom.js";
import { recordingsOf } from "./recordings.js";

const SIGNATURE = /^[0-9a-f]{192}$/i;
const LARGEST_BYTES = 64 * 2 ** 20;
const NONE = [];
const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`;

export function sounds(sheet, instrument, notice) {
  const choice = make("input", { type: "file", multiple: true, hidden: true, accept: ".tombola,.sig,.txt" });
  choice.addEventListener("change", () => {
    flash([...choice.files]);
    choice.value = "";
  });
  const choose = () => choice.click();
  const now = make("dl", { className: "facts" });
  const modes = make("ul", { className: "modes" });
  const progress = make("progress", { max: 1, hidden: true, "aria-label": "Flashing" });
  const back = make("button", { type: "button", onclick: () => instrument.do("revert") }, "Go back");
  const owners = make("p", { className: "quiet" });
  const asks = make("div", { className: "asks", hidden: true });
  sheet.append(
    now,
    modes,
    make(
      "div",
      { className: "drop" },
      make("p", {}, "Drop a bundle (.tombola) anywhere on this page, or "),
      make("button", { type: "button", onclick: choose }, "choose a file"),
      choice,
      make(
        "p",
        { className: "quiet" },
        "Add the file that “tombola key sign” writes if the instrument asks for a signature.",
      ),
      progress,
    ),
    make("p", {}, back),
    owners,
    asks,
  );

  async function flash(files) {
    const texts = await Promise.all(files.map(async (file) => (file.size < 1000 ? (await file.text()).trim() : "")));
    const signature = texts.find((text) => SIGNATURE.test(text));
    const bundle = files.find((_, index) => !SIGNATURE.test(texts[index]));
    if (!bundle) return notice("There is no bundle among these files; drop one that ends in .tombola.");
    if (bundle.size > LARGEST_BYTES) return notice(`${bundle.name} is larger than 64 MB; a bundle is not.`);
    notice(`${bundle.name} is on its way.`);
    const headers = {
      "Content-Type": "application/octet-stream",
      ...(signature && { "Tombola-Signature": signature }),
    };
    const answer = await fetch("bundle", { method: "POST", body: bundle, headers }).catch(() => null);
    if (!answer) return notice("The connection broke in the middle; nothing was changed. Drop the bundle again.");
    const said = await answer.json().catch(() => ({}));
    return notice(said.error ?? said.said ?? "The instrument did not say how it ended; look at what plays.");
  }
  dropZone(flash);

  const act = (kind, more) => () => instrument.do(kind, more);
  return {
    flash: (files) => (files ? flash(files) : choose()),
    refresh: (state) => {
      const { bundle } = state;
      const rows = bundle
        ? [
            ["plays", `${bundle.name}${state.confirmed ? "" : ", on trial"}`],
            ["made by", bundle.generator],
            ["size", `${kilobytes(bundle.cost.onnx_bytes)}, ${bundle.cost.parameters} parameters`],
            ["hash", bundle.sha256.slice(0, 12)],
          ]
        : [["plays", "no bundle; drop one"]];
      rows.push(["before", state.previous || "the factory bundle, if any"]);
      if (bundle) rows.push(["licence", bundle.licence || "not stated"]);
      fill(now, rows);
      fillModes(modes, bundle?.modes ?? NONE, (mode, { x, y }) => {
        instrument.set(
          "blend",
          bundle.modes.map((_, index) => (index === mode ? 1 : 0)),
        );
        instrument.set("timbre", [x, y]);
      });
      progress.hidden = state.flashing < 0;
      if (state.flashing >= 0) progress.value = state.flashing;
      say(
        owners,
        state.owners === undefined
          ? ""
          : `${state.owners} ${state.owners === 1 ? "owner" : "owners"}${state.pairing ? "; a key can ask now" : ""}`,
      );
      fillAsks(asks, state, act);
    },
  };
}

function fill(list, rows) {
  const text = JSON.stringify(rows);
  if (list.dataset.shown === text) return;
  list.dataset.shown = text;
  list.replaceChildren(...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/** Each mode with its recordings; `go(mode, recording)` moves the pads to one. */
function fillModes(list, modes, go) {
  if (list.shown === modes) return;
  list.shown = modes;
  list.replaceChildren(
    ...modes.map((mode, index) => {
      const { name, color, low, high, error } = mode;
      const dot = make("span", { className: "dot" });
      if (/^#[0-9a-f]{6}$/i.test(color)) dot.style.background = color;
      const error_text = error === null || error === undefined ? "" : `, error ${error.toFixed(2)}`;
      return make(
        "li",
        {},
        dot,
        `${name} `,
        make("span", { className: "quiet" }, `notes ${Math.round(low)} … ${Math.round(high)}${error_text}`),
        ...points(recordingsOf(mode), (recording) => go(index, recording)),
      );
    }),
  );
}

/** The points of the maps as text, and a way to each of them. */
function points(recordings, go) {
  if (!recordings.length) return [];
  const rows = recordings.map((each) => {
    const place = `X ${Math.round(100 * each.x)} %, Y ${Math.round(100 * each.y)} %`;
    return make("li", {}, make("button", { type: "button", onclick: () => go(each) }, each.name), ` ${place}`);
  });
  const count = `${rows.length} ${rows.length === 1 ? "recording" : "recordings"} on the pads`;
  return [make("details", {}, make("summary", {}, count), make("ul", {}, ...rows))];
}

/** What the instrument asks of an owner: shown where hands may answer. */
function fillAsks(host, state, act) {
  const asked = state.hands_here
    ? [state.asking_key, state.asking_bundle, state.allowed_bundle, state.pairing].join()
    : "";
  if (host.dataset.shown === asked) return;
  host.dataset.shown = asked;
  host.hidden = !state.hands_here;
  const button = (text, deed) => make("button", { type: "button", onclick: deed }, text);
  const parts = [];
  if (state.asking_key) {
    parts.push(
      make("p", {}, `May the key ${state.asking_key} be an owner?`),
      button("Yes", act("accept_key", { fingerprint: state.asking_key })),
      button("No", act("turn_down_key")),
    );
  } else if (!state.pairing) {
    parts.push(button("Pair an owner", act("enrol")));
  }
  if (state.asking_bundle && state.asking_bundle !== state.allowed_bundle) {
    parts.push(
      make("p", {}, `The bundle ${state.asking_bundle} was refused, because no owner signed it.`),
      button("Allow it once", act("allow_once", { bundle: state.asking_bundle })),
    );
  }
  host.replaceChildren(...parts);
}

/** Files that are dropped anywhere are flashed; nothing else that is dropped does anything. */
function dropZone(flash) {
  const mark = (over) => put(document.body, "data-drop", over);
  const files = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && mark(false));
  document.addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    mark(false);
    flash([...event.dataTransfer.files]);
  });
}
