// Scope and spectrum, ten times a second.
import { byId, colour, sharp } from "./dom.js";

const FLOOR_DB = -100;
const [LOW_HZ, HIGH_HZ] = [20, 20000];

export function scope(instrument) {
  instrument.on("scope", ({ wave, bands }) => {
    draw_wave(byId("scope"), wave);
    draw_bands(byId("spectrum"), bands);
  });
}

function draw_wave(canvas, wave) {
  const [context, width, height] = sharp(canvas);
  context.clearRect(0, 0, width, height);
  line(
    context,
    [
      [0, height / 2],
      [width, height / 2],
    ],
    colour("--line-on-panel"),
    1,
  );
  // From a rise through zero on, so that a note stands still; the half that may be cut away is not shown.
  const shown = wave.length / 2;
  let start = 0;
  while (start < shown && !(wave[start] <= 0 && wave[start + 1] > 0)) start++;
  if (start === shown) start = 0;
  const peak = wave.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const gain = peak > 0.9 ? 1 : 0.9 / Math.max(peak, 0.05);
  const points = Array.from({ length: shown }, (_, at) => [
    (width * at) / (shown - 1),
    (height / 2) * (1 - wave[start + at] * gain),
  ]);
  line(context, points, colour("--glass"), 1.5);
}

function draw_bands(canvas, bands) {
  const [context, width, height] = sharp(canvas);
  context.clearRect(0, 0, width, height);
  const x = (hz) => (width * Math.log2(hz / LOW_HZ)) / Math.log2(HIGH_HZ / LOW_HZ);
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = colour("--quiet-on-panel");
  for (const [hz, text] of [
    [100, "100 Hz"],
    [1000, "1 kHz"],
    [10000, "10 kHz"],
  ]) {
    line(
      context,
      [
        [x(hz), 0],
        [x(hz), height],
      ],
      colour("--line-on-panel"),
      1,
    );
    context.fillText(text, x(hz) + 4, 12);
  }
  const points = Array.from(bands, (value, band) => {
    const share = Math.max(value / 2 - 120 - FLOOR_DB, 0) / -FLOOR_DB;
    return [(width * (band + 0.5)) / bands.length, height * (1 - share)];
  });
  context.beginPath();
  context.moveTo(0, height);
  for (const [px, py] of points) context.lineTo(px, py);
  context.lineTo(width, height);
  context.fillStyle = colour("--gold-on-panel");
  context.globalAlpha = 0.25;
  context.fill();
  context.globalAlpha = 1;
  line(context, points, colour("--gold-on-panel"), 1.5);
}

function line(context, points, tint, width) {
  context.beginPath();
  points.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](x, y));
  Object.assign(context, { strokeStyle: tint, lineWidth: width, lineJoin: "round" });
  context.stroke();
}
