// What other instruments do not show: latency, load, cost and error, as measured.
import { byId, make, put, say } from "./dom.js";

const ms = (value) => (value > 0 ? `${value.toFixed(1)} ms` : "–");
const per_cent = (share) => `${Math.round(100 * share)} %`.replace("-", "−");
const heard = ({ latency_ms, buffer_ms, gaps }) =>
  `${ms(latency_ms)} (buffer ${Math.round(buffer_ms)}), ${gaps} ${gaps === 1 ? "gap" : "gaps"}`;
const count = (value) => value.toLocaleString("en").replaceAll(",", " ");

/** Each figure: its name, what it means, and its text from a state and what the page measures itself. */
const FIGURES = [
  [
    "key to sound",
    "from a key's arrival in the instrument to its first sample at the output, median and longest, measured while you play",
    (state) => (state.latency_ms > 0 ? `${ms(state.latency_ms)}, at most ${ms(state.latency_max_ms)}` : "play a note"),
  ],
  ["link", "there and back between this page and the instrument", (state, page) => ms(page.rtt_ms)],
  [
    "browser adds",
    "from rendering to this browser's output, as measured; only while it listens",
    (state, page) => (page.sound ? heard(page.sound) : "–"),
  ],
  [
    "load",
    "share of a period that rendering takes: median, and 99 % of all periods",
    (state) => (state.load === undefined ? "–" : `${per_cent(state.load_p50 ?? 0)}, 99 %: ${per_cent(state.load)}`),
  ],
  ["headroom", "what is left of a period", (state) => (state.headroom === undefined ? "–" : per_cent(state.headroom))],
  [
    "voices",
    "that sound, out of those that may",
    (state) => `${state.sounding ?? 0} of ${state.voices ?? 0}${state.slimmed ? ", slim" : ""}`,
  ],
  [
    "level",
    "highest peak of the last moment",
    (state) => (state.peak_db > -79 ? `${state.peak_db.toFixed(1)} dBFS`.replace("-", "−") : "silence"),
  ],
  ["xruns", "gaps since the start", (state) => String(state.xruns)],
  [
    "bundle's delay",
    "between a control and its sound",
    ({ bundle }) => (bundle ? ms(bundle.delay_ms).replace("–", "0 ms") : "–"),
  ],
  [
    "bundle's cost",
    "instructions of a Cortex-A72 for each period of 2.67 ms: one voice, each further one",
    ({ bundle }) =>
      bundle?.cost.arm64_instructions_per_period
        ? `${count(bundle.cost.arm64_instructions_per_period)} + ${count(bundle.cost.arm64_instructions_per_further_voice ?? 0)}`
        : "not counted",
  ],
  [
    "error by mode",
    "spectral error on notes that were not learned from, as the bundle states it",
    ({ modes }) =>
      modes
        .filter(({ error }) => Number.isFinite(error))
        .map(({ name, error }) => `${name} ${error.toFixed(2)}`)
        .join(", ") || "the bundle does not state it",
  ],
  ["sound", "where it comes out", (state) => (state.lost ? "card unplugged" : (state.audio ?? "–"))],
];

const WIDE = new Set(["key to sound", "browser adds", "error by mode"]);

export function figures(instrument, page) {
  const values = FIGURES.map(([name, meaning]) => {
    const value = make("dd");
    byId("figures").append(
      make("div", { title: meaning, className: WIDE.has(name) ? "wide" : "" }, make("dt", {}, name), value),
    );
    return value;
  });
  return (state) => {
    const own = page();
    FIGURES.forEach(([, , text], index) => say(values[index], text(state, own)));
    say(
      byId("summary"),
      `${ms(state.latency_ms ?? 0)} · load ${per_cent(state.load ?? 0)} · ${state.sounding ?? 0}/${state.voices ?? 0} voices · ${state.xruns} xruns`,
    );
    say(byId("bundle"), state.bundle?.name ?? "no bundle");
    document.title = state.bundle ? `${state.bundle.name} · Tombola` : "Tombola";
    put(document.body, "data-fault", Boolean(state.fault || state.lost));
  };
}
