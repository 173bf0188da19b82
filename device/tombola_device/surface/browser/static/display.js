// The module's display: the very picture that the OLED shows, 128 × 64 pixels, laid into the panel's window.
import { byId, make, put } from "./dom.js";

const [WIDTH, HEIGHT] = [128, 64];
const LIT = [191, 230, 255];
const DARK = [5, 7, 10];
const PANEL_MM = [101.3, 128.5];

export function display(group, instrument, { host }) {
  const canvas = make("canvas", { id: "display", width: WIDTH, height: HEIGHT, role: "img" });
  const place = ({ x, y, width }) => {
    const wide = Number(width) * 0.9;
    const tall = (wide * HEIGHT) / WIDTH;
    const share = (mm, axis) => `${(100 * mm) / PANEL_MM[axis]}%`;
    Object.assign(canvas.style, {
      left: share(x - wide / 2, 0),
      top: share(y - tall / 2, 1),
      width: share(wide, 0),
      height: share(tall, 1),
    });
  };
  place(group.dataset);
  host.append(canvas);
  put(group, "aria-hidden", true);
  const context = canvas.getContext("2d");
  const image = context.createImageData(WIDTH, HEIGHT);
  let shown = null;
  return {
    refresh: (state) => {
      put(canvas, "aria-label", `Display: ${spoken(state)}`);
      const picture = state.display ?? bars(state.blend);
      if (picture === shown) return;
      shown = picture;
      paint(image.data, shown);
      context.putImageData(image, 0, 0);
    },
  };
}

/** Pixels of a picture of one bit each, rows from the top, the highest bit to the left. */
function paint(data, bits) {
  for (let pixel = 0; pixel < WIDTH * HEIGHT; pixel++) {
    const lit = bits ? (bits[pixel >> 3] >> (7 - (pixel & 7))) & 1 : 0;
    data.set(lit ? LIT : DARK, pixel * 4);
    data[pixel * 4 + 3] = 255;
  }
}

/** Where the instrument cannot draw its display: the weights as bars, as in the panel's picture. */
function bars(blend) {
  const bits = new Uint8Array((WIDTH * HEIGHT) / 8);
  const bytes = Math.max(Math.floor(WIDTH / 8 / Math.max(blend.length, 5)), 1);
  blend.forEach((weight, bar) => {
    for (let y = 60 - Math.round(52 * weight); y < 62; y++) {
      for (let byte = 0; byte < Math.max(bytes - 1, 1); byte++) bits[(y * WIDTH) / 8 + bar * bytes + byte] = 0xff;
    }
  });
  return bits;
}

/** What a screen reader says of the display. */
function spoken(state) {
  if (!state.modes.length) return "no bundle plays";
  const parts = state.modes.map((mode, index) => `${mode.name} ${Math.round(100 * (state.blend[index] ?? 0))} %`);
  return [state.notice, ...parts].filter(Boolean).join(", ");
}
