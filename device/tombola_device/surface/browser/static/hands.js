// Knobs, buttons and the encoder of the panel. With SHIFT, knobs 6 to 8 move what is printed in gold above them.
import { clamp, grip, put } from "./dom.js";
import { slider } from "./slider.js";

const LEVEL_DB = 40; // of the knob's whole way; at its end it is silent
const GLIDE_S = 2;
const SWEEP = 300; // degrees from end to end
const per_cent = (value) => `${Math.round(100 * value)} %`;

/** What each knob moves: its name in a state, in words, and its value in words. */
const MOVES = {
  KNOB_6: { name: "timbre X", text: per_cent, rest: 0.5 },
  KNOB_7: { name: "timbre Y", text: per_cent, rest: 0.5 },
  KNOB_8: {
    name: "level",
    text: (value) => (value > 0 ? `${((value - 1) * LEVEL_DB).toFixed(1).replace("-", "−")} dB` : "silent"),
    rest: 1,
  },
  GLIDE: { name: "glide", text: (value) => `${(GLIDE_S * value * value).toFixed(2)} s`, rest: 0 },
  TUNE: { name: "tune", text: (value) => `${Math.round((2 * value - 1) * 100)} cents`.replace("-", "−"), rest: 0.5 },
  MORPH: { name: "morph", text: per_cent, rest: 0 },
};

/** A potentiometer. */
export function knob(group, instrument) {
  const { x, y, shifted } = group.dataset;
  const number = Number(group.id.split("_")[1]);
  const key = () => (instrument.shift && shifted ? shifted : group.id);
  const mode = () => instrument.state.modes[number - 1]?.name;
  const idle = () => number <= 5 && !mode();
  const moves = () =>
    MOVES[key()] ?? { name: mode() ? `weight of ${mode()}` : `knob ${number}, no mode`, text: per_cent };
  const value = () => instrument.get(key()) ?? 0;
  const pointer = group.querySelector(".pointer");
  group.classList.add("turns");
  const announce = slider(group, {
    value,
    change: (wanted) => !idle() && instrument.set(key(), wanted),
    text: (now) => moves().text(now),
    name: () => moves().name,
    rest: MOVES[group.id]?.rest ?? 0,
    hold: (held) => instrument.hold(key(), held),
  });
  return {
    words: () => `${moves().name}: ${moves().text(value())}`,
    refresh: () => {
      announce();
      put(pointer, "transform", `rotate(${((clamp(value(), 0, 1) - 0.5) * SWEEP).toFixed(1)} ${x} ${y})`);
      put(group, "aria-disabled", idle());
    },
  };
}

/** A push-button. SHIFT stays down after a short press, so that one hand suffices; the others follow the hand. */
export function button(group, instrument) {
  const latches = group.id === "SHIFT";
  const names = { SHIFT: "shift", SAVE: "save" };
  const press = (down) => {
    if (instrument.pressed(group.id) === down) return;
    instrument.press(group.id, down);
    put(group, "aria-pressed", down);
  };
  put(group, "role", "button");
  put(group, "tabindex", 0);
  put(group, "aria-label", names[group.id] ?? group.id);
  put(group, "aria-pressed", false);
  const SHORT_MS = 400;
  let came_ms = 0;
  let leaves = false;
  const down = () => {
    came_ms = performance.now();
    leaves = latches && instrument.pressed(group.id);
    press(true);
  };
  const up = () => {
    if (!latches || leaves || performance.now() - came_ms > SHORT_MS) press(false);
  };
  held(group, down, up);
  return {
    words: () =>
      ({
        SHIFT: "shift: press to hold it; the knobs then move what is printed in gold",
        SAVE: "save: keeps a scene; held long: silence; held with SHIFT for 3 s: pairs an owner's key",
      })[group.id] ?? group.id,
    refresh: () => {
      put(group, "aria-pressed", instrument.pressed(group.id));
      group.classList.toggle("down", instrument.pressed(group.id));
    },
  };
}

/** The encoder: turned by a drag, the wheel or the arrow keys; pushed by a click or Enter. */
export function encoder(group, instrument) {
  const [STEP_PX, LONG_MS, PUSH_MS] = [9, 350, 60];
  const { x, y } = group.dataset;
  const pointer = group.querySelector(".pointer");
  let turned = 0;
  const turn = (steps) => {
    turned += steps;
    instrument.turn(steps);
    put(pointer, "transform", `rotate(${turned * 15} ${x} ${y})`);
    put(group, "aria-valuenow", turned);
  };
  for (const [name, value] of Object.entries({
    role: "slider",
    tabindex: 0,
    "aria-label": "menu encoder: turn, or push with Enter",
    "aria-valuenow": 0,
    "aria-valuetext": "turns without end",
    "aria-valuemin": -1e6,
    "aria-valuemax": 1e6,
  }))
    put(group, name, value);
  group.classList.add("turns");
  let drag = null;
  group.addEventListener("pointermove", (event) => {
    if (!drag) return;
    drag.way += event.clientX - drag.x + drag.y - event.clientY;
    [drag.x, drag.y] = [event.clientX, event.clientY];
    const steps = Math.trunc(drag.way / STEP_PX);
    if (!steps) return;
    drag.turns = true;
    drag.way -= steps * STEP_PX;
    turn(steps);
  });
  // A push is known as one only when the hand goes without having turned, or when it stays.
  held(
    group,
    (event) => {
      drag = event && { x: event.clientX, y: event.clientY, way: 0, turns: false };
      if (!drag) instrument.press("ENC", true);
      else drag.push = setTimeout(() => drag && !drag.turns && instrument.press("ENC", true), LONG_MS);
    },
    () => {
      const pushed = drag && !drag.turns && !instrument.pressed("ENC");
      clearTimeout(drag?.push);
      drag = null;
      if (pushed) instrument.press("ENC", true);
      setTimeout(() => instrument.press("ENC", false), pushed ? PUSH_MS : 0);
    },
  );
  group.addEventListener(
    "wheel",
    (event) => {
      if (document.activeElement !== group) return;
      event.preventDefault();
      turn(Math.sign(-event.deltaY));
    },
    { passive: false },
  );
  group.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 8, PageDown: -8 }[event.key];
    if (!steps || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    turn(steps);
  });
  return { words: () => "menu: turn to choose, push to do it; with SHIFT it turns the pages of the display" };
}

/** Call down and up as a pointer, Space or Enter comes and goes. */
export function held(element, down, up) {
  grip(element);
  let by = null;
  const end = (who) => {
    if (by !== who) return;
    by = null;
    up();
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || by !== null) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    by = event.pointerId;
    down(event);
  });
  for (const sign of ["pointerup", "pointercancel", "lostpointercapture"]) {
    element.addEventListener(sign, (event) => end(event.pointerId));
  }
  element.addEventListener("keydown", (event) => {
    if ((event.key !== "Enter" && event.key !== " ") || event.repeat || by !== null) return;
    event.preventDefault();
    event.stopPropagation();
    by = "key";
    down();
  });
  element.addEventListener("keyup", (event) => (event.key === "Enter" || event.key === " ") && end("key"));
  element.addEventListener("blur", () => by !== null && end(by));
}
