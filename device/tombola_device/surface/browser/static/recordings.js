// The recordings that a bundle learned from, as points: where each lies in its mode's timbre. A bundle may name none.
const NEAR = 0.1; // of the pad's side: what is further away is not named
const LEAST = 0.02; // A mode that is hardly in the blend shows no points.
const CLOUD = 0.1; // half the width of a corner's picture, of the polygon's radius

/** [{ name, note, x, y }] of a mode. */
export const recordingsOf = (mode) => (mode.recordings ?? []).map(([name, note, x, y]) => ({ name, note, x, y }));

/** Marks for the timbre pad: those of each mode that sounds, the clearer and larger the more of it there is. */
export function placed(modes, blend) {
  return modes.flatMap((mode, index) => {
    const weight = blend[index] ?? 0;
    if (weight < LEAST) return [];
    const look = { colour: mode.color, dot: 2 + 2 * weight, share: 0.3 + 0.7 * weight };
    return recordingsOf(mode).map(({ x, y }) => ({ ...look, u: x, v: y }));
  });
}

/** Marks for the blend pad, `at` in its polygon: beside each mode's corner a small picture of its points. */
export function byCorner(modes, corners) {
  return modes.flatMap((mode, index) => {
    const [cx, cy] = beside(corners[index]);
    return recordingsOf(mode).map(({ x, y }) => ({
      colour: mode.color,
      dot: 1.8,
      at: [cx + CLOUD * (2 * x - 1), cy + CLOUD * (2 * y - 1)],
    }));
  });
}

/** The middle of a corner's picture: clear of the mode's name, which stands inwards of it. */
function beside([x, y]) {
  return Math.abs(x) > 0.3 ? [0.66 * x, 0.84 * y - Math.sign(y || 1) * 0.24] : [x, 0.6 * y];
}

/** The recording next to a place on the timbre pad, among the modes that sound: { mode, name } or null. */
export function near(modes, blend, [x, y]) {
  let [best, nearest] = [null, NEAR];
  modes.forEach((mode, index) => {
    if ((blend[index] ?? 0) < LEAST) return;
    for (const each of recordingsOf(mode)) {
      const far = Math.hypot(each.x - x, each.y - y);
      if (far < nearest) [best, nearest] = [{ mode: mode.name, name: each.name }, far];
    }
  });
  return best;
}
