// Jacks and lamps. An input takes a voltage by hand, as if a cable were in it; an output glows with what it carries.
import { put } from "./dom.js";
import { held } from "./hands.js";
import { slider } from "./slider.js";

const SVG = "http://www.w3.org/2000/svg";
const volts = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)} V`;
const PURPOSE = {
  V_OCT: "pitch of the gate's voice, 1 V an octave",
  CV_X: "adds to timbre X",
  CV_Y: "adds to timbre Y",
  CV_1: "as set: CV I",
  CV_2: "as set: CV II",
  CV_3: "as set: CV III",
  GATE_IN: "gate: each press is a note",
  TRIG_IN: "trigger: strikes a note",
  CLOCK_IN: "clock: each press is a sixteenth",
  CV_A: "output A",
  CV_B: "output B",
  GATE_OUT: "gate output",
};
const name = (group) => `${group.dataset.legend} ${group.dataset.output === "true" ? "output" : "input"}`;

/** A jack for a voltage: its plug fills as the voltage rises. */
export function inputJack(group, instrument) {
  const [low, high] = group.id === "V_OCT" ? [-3, 6.5] : [-5, 10];
  const value = () => instrument.get(group.id) ?? 0;
  const here = () => Boolean(instrument.state.jacks); // Else the instrument has jacks of its own.
  const plug = lens(group, "plug");
  group.classList.add("turns");
  const announce = slider(group, {
    value,
    change: (wanted) => here() && instrument.set(group.id, Math.abs(wanted) < 0.05 ? 0 : wanted),
    text: volts,
    name: () => name(group),
    low,
    high,
    step: 1 / 150,
    rest: 0,
    hold: (held) => instrument.hold(group.id, held),
  });
  return {
    words: () => `${name(group)}: ${volts(value())}; ${PURPOSE[group.id]}`,
    refresh: () => {
      announce();
      put(group, "aria-disabled", !here());
      put(plug, "fill-opacity", value() ? (0.35 + 0.65 * Math.min(Math.abs(value()) / 5, 1)).toFixed(2) : 0);
    },
  };
}

/** A jack for a gate: high while it is pressed. */
export function gateJack(group, instrument) {
  const plug = lens(group, "plug");
  const press = (high) => {
    instrument.gate(group.id, high);
    put(plug, "fill-opacity", high ? 1 : 0);
    put(group, "aria-pressed", high);
  };
  Object.entries({ role: "button", tabindex: 0, "aria-label": name(group), "aria-pressed": false }).forEach(
    ([key, value]) => put(group, key, value),
  );
  held(
    group,
    () => press(true),
    () => press(false),
  );
  return { words: () => `${name(group)}: ${PURPOSE[group.id]}` };
}

/** A jack that something comes out of. */
export function outputJack(group, instrument) {
  const plug = lens(group, "plug out");
  const carries = () => instrument.state.outputs?.[group.id];
  const words = () => `${name(group)}: ${carries() === undefined ? "nothing is patched here" : volts(carries())}`;
  put(group, "role", "img");
  return {
    words,
    refresh: () => {
      put(plug, "fill-opacity", Math.min(Math.abs(carries() ?? 0) / 5, 1).toFixed(2));
      put(group, "aria-label", words());
    },
  };
}

/** LEFT and RIGHT: what is heard; a press listens here. */
export function audioJack(group, instrument, { listen }) {
  const plug = lens(group, "plug out");
  press(group, `${name(group)}: listen in this browser`, listen);
  const FLOOR_DB = 60;
  return {
    words: () => `${name(group)}: press to listen in this browser; the sound card plays all the same`,
    refresh: (state) => put(plug, "fill-opacity", Math.max(1 + (state.peak_db ?? -FLOOR_DB) / FLOOR_DB, 0).toFixed(2)),
  };
}

/** MIDI IN takes the keyboards that this browser sees; MIDI OUT only shows itself. */
export function midiJack(group, instrument, { midi }) {
  if (group.dataset.output === "true") {
    put(group, "role", "img");
    put(group, "aria-label", "MIDI output: passes on what comes in at the module's MIDI socket");
    return { words: () => "MIDI OUT passes on what comes in at the module's MIDI socket" };
  }
  press(group, "MIDI input: take this computer's MIDI keyboards", midi);
  return { words: () => "MIDI IN: press to take the MIDI keyboards that this browser sees" };
}

/** The USB port: a bundle is chosen, or dropped. */
export function usbPort(group, instrument, { flash }) {
  press(group, "USB: choose a bundle to flash", () => flash());
  return { words: () => "USB: press to choose a bundle to flash, or drop one anywhere on this page" };
}

/** A lamp of two colours. */
export function lamp(group, instrument) {
  const [glow, light] = [group.querySelector(".glow"), group.querySelector(".light")];
  const index = Number(group.id.split("_")[1]) - 1;
  put(group, "aria-hidden", true); // What it says is said by the figures.
  return {
    refresh: (state) => {
      const [red, green] = state.lamps[index] ?? [0, 0];
      const strong = Math.max(red, green) ** (1 / 2.2); // Lamps are linear in light, screens are not.
      const shade = red > 0 ? (green > 0 ? "#f2b53c" : "#e0574f") : "#7be07b";
      for (const [part, share] of [
        [glow, 0.3],
        [light, 1],
      ]) {
        put(part, "fill", shade);
        put(part, "opacity", (Math.max(strong, 0.05) * share).toFixed(2));
      }
    },
  };
}

function press(group, label, deed) {
  Object.entries({ role: "button", tabindex: 0, "aria-label": label }).forEach(([key, value]) =>
    put(group, key, value),
  );
  held(group, () => {}, deed); // On the way up, as browsers want before they open sound, MIDI or files.
}

function lens(group, kind) {
  const circle = document.createElementNS(SVG, "circle");
  const { x, y } = group.dataset;
  Object.entries({ class: kind, cx: x, cy: y, r: 1.8, "fill-opacity": 0 }).forEach(([key, value]) =>
    put(circle, key, value),
  );
  group.insertBefore(circle, group.querySelector(".halo"));
  return circle;
}
