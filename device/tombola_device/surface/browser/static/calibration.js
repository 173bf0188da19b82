// The calibration wizards: the instrument says what to patch, a button says that it is done.
import { make, say } from "./dom.js";

const JACKS = ["V/OCT", "CV A", "CV B"];

export function calibration(sheet, instrument) {
  const volts = make("output", { className: "figures large" });
  const words = make("p", { role: "status", className: "words" });
  const jacks = JACKS.map((jack) =>
    make("button", { type: "button", onclick: () => instrument.do("calibrate", { jack }) }, jack),
  );
  const push = make("button", { type: "button", onclick: () => instrument.do("confirm_calibration") }, "Push");
  const cancel = make("button", { type: "button", onclick: () => instrument.do("cancel_calibration") }, "Cancel");
  sheet.append(
    make(
      "p",
      { className: "quiet" },
      "V/OCT takes 1 V and 3 V from the source that you play with; CV A and CV B take a cable to V/OCT, which measures them.",
    ),
    make("p", {}, "V/OCT reads ", volts),
    make("div", { className: "row" }, ...jacks),
    words,
    make("div", { className: "row" }, push, cancel),
  );
  return {
    refresh: (state) => {
      const runs = Boolean(state.calibration);
      say(volts, `${(state.pitch_volts ?? 0).toFixed(3).replace("-", "−")} V`);
      say(words, state.calibration || "Choose a jack to calibrate.");
      push.disabled = cancel.disabled = !runs;
    },
  };
}
