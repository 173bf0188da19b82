// What the pads are painted with: one of four descriptors, which the server has computed for each cell.
import { byId, make, say } from "./dom.js";

const octaves = (from, count) => (cell) => from * 2 ** ((count * cell) / 255);
const hertz = (value) => (value < 1000 ? `${Math.round(value)} Hz` : `${(value / 1000).toFixed(1)} kHz`);
const decibels = (value) => `${Math.round(value)} dB`.replace("-", "−");
const seconds = (value) => (value < 100 ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : `${(value / 1000).toFixed(2)} s`);

/** By the order of the bytes in a cell; `of`: a cell's number in the descriptor's unit. */
export const DESCRIPTORS = [
  { name: "centroid (brightness)", of: octaves(100, 7), text: hertz },
  { name: "noise (breath)", of: (cell) => (60 * cell) / 255 - 60, text: decibels },
  { name: "attack", of: octaves(1, Math.log2(1000)), text: seconds },
  { name: "loudness", of: (cell) => (60 * cell) / 255 - 60, text: decibels },
];
const LEAST_SPAN = 10; // A map that is flat looks flat.

/** One descriptor of all cells, with its lowest and highest number. */
export function layer({ side, cells }, which) {
  const values = Uint8Array.from({ length: side * side }, (_, cell) => cells[4 * cell + which]);
  let [low, high] = [255, 0];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (high - low < LEAST_SPAN) [low, high] = [(low + high - LEAST_SPAN) / 2, (low + high + LEAST_SPAN) / 2];
  return { values, side, low, high };
}

/** Paint pads as maps come in, with the descriptor that is chosen. */
export function maps(instrument, pads) {
  const choice = byId("descriptor");
  choice.replaceChildren(...DESCRIPTORS.map(({ name }, which) => make("option", { value: which }, name)));
  const newest = {};
  const show = (pad) => {
    const { of, text } = DESCRIPTORS[choice.value];
    const shown = layer(newest[pad], Number(choice.value));
    pads[pad].show(shown);
    say(byId(`${pad}-scale`), `${text(of(shown.low))} … ${text(of(shown.high))}`);
    instrument.paint();
  };
  instrument.on("map", (map) => {
    newest[map.pad] = map;
    show(map.pad);
  });
  choice.addEventListener("change", () => Object.keys(newest).forEach(show));
}
