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

/** A map { values, side, low, high }, rows from the bottom, as an image. */
export function ramp({ values, side, low, high }) {
  const image = new ImageData(side, side);
  const span = high - low || 1;
  values.forEach((value, cell) => {
    const [row, column] = [Math.floor(cell / side), cell % side];
    image.data.set([...shade((value - low) / span), 255], ((side - 1 - row) * side + column) * 4);
  });
  return image;
}
