// The instrument as the page knows it: the server's newest state, and over it what this hand is moving just now.
import { link } from "./link.js";

const LEVEL_DB = 40;
const GLIDE_S = 2;
const SETTLE_MS = 250; // The server has the last word so long after the hand's last move and the way there and back.

const EMPTY = {
  bundle: null,
  modes: [],
  names: [],
  blend: [],
  hand_blend: [],
  timbre: [0.5, 0.5],
  life: 1,
  words: [],
  knobs: [],
  held: [],
  lamps: [],
  display: null,
  scenes: [],
  options: [],
  log: [],
  about: [],
  flashing: -1,
  peak_db: -80,
  xruns: 0,
  notice: "",
  fault: "",
  lost: false,
  outputs: undefined,
  jacks: undefined,
};

/** How each value is read from a state, and the message that sets it. */
const VALUES = {
  KNOB_8: [
    (state) => state.knobs[7],
    (value) => ({ kind: "set_loudness", offset_db: value > 0 ? (value - 1) * LEVEL_DB : -160 }),
  ],
  GLIDE: [
    (state) => Math.sqrt((state.glide_s ?? 0) / GLIDE_S),
    (value) => ({ kind: "set_glide", seconds: GLIDE_S * value * value }),
  ],
  TUNE: [(state) => ((state.tune_semitones ?? 0) + 1) / 2, (value) => ({ kind: "set_tune", semitones: 2 * value - 1 })],
  MORPH: [(state) => state.place, (value) => ({ kind: "morph", place: value })],
  life: [(state) => state.life, (value) => ({ kind: "set_life", amount: value })],
  blend: [(state) => state.hand_blend, (value) => ({ kind: "set_blend", weights: value })],
  timbre: [(state) => state.timbre, ([x, y]) => ({ kind: "set_timbre", x, y })],
};
/** Knobs that are one side of a pair. */
const SIDES = { KNOB_6: ["timbre", 0], KNOB_7: ["timbre", 1] };
for (let mode = 0; mode < 5; mode++) {
  VALUES[`KNOB_${mode + 1}`] = [(state) => state.knobs[mode], (value) => ({ kind: "set_weight", mode, weight: value })];
}
for (let word = 0; word < 4; word++) {
  VALUES[`WORD_${word + 1}`] = [
    (state) => state.words[word]?.place ?? null,
    (place, { state }) => state.words[word] && { kind: "set_word", word: state.words[word].name, place },
  ];
}
for (const jack of ["V_OCT", "CV_X", "CV_Y", "CV_1", "CV_2", "CV_3"]) {
  VALUES[jack] = [
    (state) => state.jacks?.[jack],
    (value, now) => now.state.jacks && { kind: "patch", jack, volts: value },
  ];
}

export class Instrument {
  #wire;
  #mine = new Map(); // value by name, while a hand moves it and until the server has answered
  #unsent = new Map();
  #buttons = new Set();
  #listeners = { state: [], scope: [], map: [], refused: [], standing: [] };
  #painting = false;

  constructor() {
    this.state = { ...EMPTY };
    this.standing = "waiting";
    const tell = (kind, ...what) => this.#listeners[kind].forEach((listener) => listener(...what));
    this.#wire = link({
      state: (changed, whole) => {
        this.state = understood(whole ? EMPTY : this.state, changed);
        this.paint();
      },
      scope: (message) => tell("scope", message),
      map: (message) => tell("map", message),
      refused: (sentence) => tell("refused", sentence),
      standing: (word, sentence) => {
        this.standing = word;
        if (word !== "up") this.#buttons.clear();
        tell("standing", word, sentence);
        this.paint();
      },
    });
  }

  /** Hear of "state" (once a painted picture), "scope", "map", "refused" or "standing". */
  on(kind, listener) {
    this.#listeners[kind].push(listener);
  }

  /** Paint with the next picture. */
  paint() {
    if (this.#painting) return;
    this.#painting = true;
    const go = () => {
      this.#painting = false;
      this.#forget();
      this.#listeners.state.forEach((listener) => listener(this.state));
    };
    if (document.hidden) setTimeout(go, 200);
    else requestAnimationFrame(go);
  }

  /** A value as it should be shown: what the hand says while it moves, the server's afterwards. */
  get(name) {
    if (name in SIDES) return this.get(SIDES[name][0])[SIDES[name][1]];
    return this.#mine.has(name) ? this.#mine.get(name).value : VALUES[name][0](this.state);
  }

  /** Move a value: at once here, with the next picture there; what comes in between is left out. */
  set(name, value) {
    if (name in SIDES) {
      const [pair, side] = SIDES[name];
      return this.set(
        pair,
        this.get(pair).map((other, index) => (index === side ? value : other)),
      );
    }
    const before = this.#mine.get(name);
    this.#mine.set(name, { value, held: before?.held ?? false, moved_ms: performance.now() });
    if (!this.#unsent.size) setTimeout(() => this.#flush(), 16);
    this.#unsent.set(name, value);
    this.paint();
    return undefined;
  }

  /** Say that a hand holds a value, or lets go of it. */
  hold(name, held) {
    if (name in SIDES) return this.hold(SIDES[name][0], held);
    const mine = this.#mine.get(name);
    if (mine) Object.assign(mine, { held, moved_ms: performance.now() });
    else if (held) this.#mine.set(name, { value: this.get(name), held, moved_ms: performance.now() });
    return undefined;
  }

  #flush() {
    for (const [name, value] of this.#unsent) {
      const message = VALUES[name][1](value, this);
      if (message) this.#wire.send(message);
    }
    this.#unsent.clear();
  }

  #forget() {
    const now_ms = performance.now();
    for (const [name, { value, held, moved_ms }] of this.#mine) {
      const late = now_ms - moved_ms > SETTLE_MS + 2 * this.#wire.rtt_ms();
      if (!held && (late || this.standing !== "up" || same(value, VALUES[name][0](this.state))))
        this.#mine.delete(name);
    }
    if (this.#mine.size) setTimeout(() => this.paint(), SETTLE_MS);
  }

  /** Ask for a deed of the protocol. */
  do(kind, more = {}) {
    return this.#wire.send({ kind, ...more });
  }

  rtt_ms() {
    return this.#wire.rtt_ms();
  }

  /** The server's clock: see link. */
  clock() {
    return this.#wire.clock();
  }

  // Keys

  #channel() {
    const option = this.state.options.find(({ name }) => name === "MIDI channel");
    return Math.max((option?.chosen ?? 0) - 1, 0);
  }

  noteOn(note, hard) {
    this.midi([0x90 | this.#channel(), note, Math.min(Math.max(Math.round(hard * 127), 1), 127)]);
  }

  noteOff(note) {
    this.midi([0x80 | this.#channel(), note, 64]);
  }

  sustain(on) {
    this.midi([0xb0 | this.#channel(), 64, on ? 127 : 0]);
  }

  midi(bytes) {
    this.do("midi", { bytes: [...bytes] });
  }

  // The panel's buttons and gates

  get shift() {
    return this.#buttons.has("SHIFT");
  }

  pressed(name) {
    return this.#buttons.has(name);
  }

  press(name, high) {
    if (this.#buttons.has(name) === high) return;
    if (high) this.#buttons.add(name);
    else this.#buttons.delete(name);
    this.do("button", { name: name === "ENC" ? "ENC_SW" : name, high });
    this.paint();
  }

  turn(clicks) {
    this.do("turn", { clicks });
  }

  gate(jack, high) {
    if (this.state.jacks) this.do("gate", { jack, high });
  }
}

function same(one, other) {
  if (Array.isArray(one)) return Array.isArray(other) && one.every((value, index) => same(value, other[index]));
  return one !== null && other !== null && Math.abs(one - other) < 1e-3;
}

/** A state with what has changed; its modes have all that is known of them, its display is bytes. */
function understood(state, { modes: names, oled, ...changed }) {
  const next = { ...state, ...changed };
  if (names) next.names = names;
  if (oled !== undefined) next.display = pixels(oled);
  if (names || changed.bundle !== undefined) {
    next.modes = next.names.map((name, index) => next.bundle?.modes[index] ?? { name, color: "#888888", error: null });
  }
  return next;
}

function pixels(text) {
  return text ? Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)) : null;
}
