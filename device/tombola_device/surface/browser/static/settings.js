// All settings, in the instrument's own words; MIDI learn is two of them.
import { make, put, say } from "./dom.js";

const SETTLE_MS = 300; // Until the instrument's answer to a choice has come.

export function settings(sheet, instrument) {
  const list = make("div", { className: "settings" });
  const taught = make(
    "div",
    { className: "asks", hidden: true },
    make("p", { role: "status" }),
    make("button", { type: "button", onclick: () => instrument.do("stop_learning") }, "Stop"),
  );
  sheet.append(taught, list);
  let rows = new Map();
  let shape = "";

  function build(options) {
    rows = new Map();
    list.replaceChildren(
      ...options.map(({ name, choices, waits }) => {
        const select = make(
          "select",
          {},
          ...choices.map((choice) => make("option", { value: choice }, choice === "·" ? "–" : choice)),
        );
        const choose = () => {
          rows.get(name).chosen_ms = performance.now();
          instrument.do("choose", { option: name, choice: select.value });
        };
        const label = [make("span", {}, title(name)), select];
        const parts = [];
        if (waits) {
          const go = make("button", { type: "button", onclick: choose }, name === "learn" ? "Learn" : "Forget");
          put(go, "aria-label", `${title(name)} now`);
          parts.push(go);
        } else {
          select.addEventListener("change", choose);
        }
        rows.set(name, { select, waits, chosen_ms: -SETTLE_MS });
        return make("div", {}, make("label", {}, ...label), ...parts);
      }),
    );
  }

  return {
    refresh: (state) => {
      // What was taught changes the rows; a list that a hand has open is left alone.
      const now = JSON.stringify(state.options.map(({ name, choices }) => [name, choices]));
      if (now !== shape && !list.contains(document.activeElement)) {
        shape = now;
        build(state.options);
      }
      for (const { name, choices, chosen } of state.options) {
        const row = rows.get(name);
        if (!row || row.waits || performance.now() - row.chosen_ms < SETTLE_MS + instrument.rtt_ms()) continue;
        if (row.select.value !== choices[chosen]) row.select.value = choices[chosen];
      }
      taught.hidden = !state.learning;
      say(taught.firstChild, state.learning ? `Move a controller: it will be ${state.learning}.` : "");
    },
  };
}

const title = (name) =>
  ({ learn: "Learn a controller for", forget: "Forget a controller" })[name] ?? name[0].toUpperCase() + name.slice(1);
