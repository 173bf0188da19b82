// The colours of a map: from the panel's black over its gold to the cream of its knobs. Lightness rises all the way, so that
// the map reads without colours too.
const STOPS = [
  [17, 19, 22],
  [58, 46, 28],
  [116, 88, 42],
  [176, 141, 74],
  [219, 193, 138],
  [255, 250, 240],
];

/** Red, green and blue at a share of the way, 0 … 1. */
export function shade(share) {
  const place = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1);
  const stop = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[stop].map((from, channel) => Math.round(from + (STOPS[stop + 1][channel] - from) * (place - stop)));
}

const FINER = 3; // points of the image for each cell of the map, each way

/**
 * A map { values, side, low, high }, rows from the bottom, as an image.
 *
 * A cell's number has 256 steps, of which a narrow map uses a few: so the neighbours' mean is shown, not the steps.
 */
export function ramp({ values, side, low, high }) {
  const smooth = blurred(blurred(values, side, 1), side, side);
  const size = side * FINER;
  const image = new ImageData(size, size);
  const span = high - low || 1;
  for (let y = 0; y < size; y++) {
    const [row, down] = split((size - 1 - y + 0.5) / FINER - 0.5, side);
    for (let x = 0; x < size; x++) {
      const [column, right] = split((x + 0.5) / FINER - 0.5, side);
      const at = row * side + column;
      const upper = smooth[at] * (1 - right) + smooth[at + 1] * right;
      const lower = smooth[at + side] * (1 - right) + smooth[at + side + 1] * right;
      const [red, green, blue] = shade((upper * (1 - down) + lower * down - low) / span);
      image.data.set([red, green, blue, 255], (y * size + x) * 4);
    }
  }
  return image;
}

/** The cell before a place, and the share of the way to the next one. */
function split(place, side) {
  const kept = Math.min(Math.max(place, 0), side - 1);
  const cell = Math.min(Math.floor(kept), side - 2);
  return [cell, kept - cell];
}

/** Each cell's mean with its neighbours along one axis, 1 : 2 : 1; `step` from a cell to the next. */
function blurred(values, side, step) {
  return Float32Array.from({ length: side * side }, (_, at) => {
    const place = Math.floor(at / step) % side;
    const [before, after] = [place ? at - step : at, place < side - 1 ? at + step : at];
    return (values[before] + 2 * values[at] + values[after]) / 4;
  });
}
