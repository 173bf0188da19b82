// The bundle's knobs that bear a word: a slider each. One that has not set what sounds stands at its start, and shows a dash.
import { make, put, say } from "./dom.js";

export function words(host, instrument) {
  let rows = [];
  let shown = "";

  function build(names) {
    rows = names.map((name, index) => {
      const slider = make("input", { type: "range", min: 0, max: 100, step: 1 });
      const output = make("output", { className: "figures" });
      const value = `WORD_${index + 1}`;
      for (const sign of ["pointerdown", "pointerup", "pointercancel"])
        slider.addEventListener(sign, () => instrument.hold(value, sign === "pointerdown"));
      slider.addEventListener("input", () => instrument.set(value, slider.value / 100));
      return { value, slider, output, row: make("span", { className: "row" }, make("label", {}, `${name} `, slider), output) };
    });
    host.replaceChildren(...rows.map(({ row }) => row));
    host.hidden = !rows.length;
  }

  return ({ words: knobs }) => {
    const names = knobs.map(({ name }) => name);
    if (JSON.stringify(names) !== shown) {
      shown = JSON.stringify(names);
      build(names);
    }
    for (const { value, slider, output } of rows) {
      const place = instrument.get(value);
      const text = place === null ? "–" : `${Math.round(100 * place)} %`;
      if (Number(slider.value) !== Math.round(100 * (place ?? 0))) slider.value = Math.round(100 * (place ?? 0));
      put(slider, "aria-valuetext", place === null ? "not turned" : text);
      say(output, text);
    }
  };
}
