// The blend pad's geometry. Modes are the corners of a regular polygon in the unit circle: the first at the top, the rest
// clockwise, y upwards. The weight of a mode at a point is the product of the point's distances to all sides that do not
// touch the mode's corner; all weights are then divided by their sum (E. Wachspress, A Rational Finite Element Basis, 1975).
// At a corner one mode sounds, on a side its two, in the middle all alike; and the mean of the corners by the weights is
// the point itself, which gives the place of any blend.

/** Corners of M modes: [[x, y], …]. Two lie left and right, one in the middle. */
export function corners(modes) {
  if (modes === 1) return [[0, 0]];
  if (modes === 2)
    return [
      [-1, 0],
      [1, 0],
    ];
  return Array.from({ length: modes }, (_, mode) => {
    const angle = (2 * Math.PI * mode) / modes;
    return [Math.sin(angle), Math.cos(angle)];
  });
}

/** Weights of M modes at a point, each ≥ 0, sum 1. A point outside counts as the nearest one inside. */
export function weightsAt(x, y, modes) {
  if (modes < 2) return [1];
  const [px, py] = inside(x, y, modes);
  if (modes === 2) return [(1 - px) / 2, (1 + px) / 2];
  const places = corners(modes);
  // Side s leads from corner s to the next one.
  const sides = places.map((_, side) => distance(px, py, places[side], places[(side + 1) % modes]));
  const products = places.map((_, mode) => {
    const before = (mode + modes - 1) % modes;
    return sides.reduce((product, far, side) => (side === mode || side === before ? product : product * far), 1);
  });
  const whole = products.reduce((sum, product) => sum + product, 0);
  return products.map((product) => product / whole);
}

/** The place of a blend: [x, y]. */
export function placeOf(weights) {
  const whole = weights.reduce((sum, weight) => sum + weight, 0) || 1;
  return corners(weights.length).reduce(
    ([x, y], [cx, cy], mode) => [x + (cx * weights[mode]) / whole, y + (cy * weights[mode]) / whole],
    [0, 0],
  );
}

/** The nearest point within the polygon. */
export function inside(x, y, modes) {
  if (modes < 2) return [0, 0];
  const places = corners(modes);
  if (modes === 2) return [Math.min(Math.max(x, -1), 1), 0];
  if (places.every((_, side) => signed(x, y, places[side], places[(side + 1) % modes]) >= 0)) return [x, y];
  let best = [Infinity, 0, 0];
  places.forEach((_, side) => {
    const [nx, ny] = nearest(x, y, places[side], places[(side + 1) % modes]);
    const far = Math.hypot(nx - x, ny - y);
    if (far < best[0]) best = [far, nx, ny];
  });
  return [best[1], best[2]];
}

function signed(x, y, [ax, ay], [bx, by]) {
  // Clockwise with y upwards: inside is to the right of each side.
  return ((by - ay) * (x - ax) - (bx - ax) * (y - ay)) / Math.hypot(bx - ax, by - ay);
}

function distance(x, y, from, to) {
  return Math.max(signed(x, y, from, to), 0);
}

function nearest(x, y, [ax, ay], [bx, by]) {
  const along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2);
  const share = Math.min(Math.max(along, 0), 1);
  return [ax + (bx - ax) * share, ay + (by - ay) * share];
}
