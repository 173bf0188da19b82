// Two pads: the blend, as a polygon of the modes, and the timbre, X by Y. Both are painted with what lies there.
import { clamp, colour, make, put, sharp } from "./dom.js";
import { ramp } from "./ramp.js";
import { corners, inside, placeOf, weightsAt } from "./polygon.js";
import { byCorner, near, placed } from "./recordings.js";

const STEP = 0.02;
const lightness = window.matchMedia("(prefers-color-scheme: light)");
const per_cent = (share) => `${Math.round(100 * share)} %`;

/**
 * One pad. It has the coordinates u (to the right) and v (upwards), both 0 … 1.
 *
 * @param host its element
 * @param pad { name, place() → [u, v], move(u, v), words() → text, middle, hold(held), outline(width, height) → Path2D,
 *   marks() → [{u, v, text, colour, at, dot, share}]; sides() → words along X and Y; reach: share of the element that the map covers; shows() → what its picture
 *   depends on: it is painted anew only when one of these is another }
 */
function pad(host, { name, place, move, words, middle, hold, outline, marks = () => [], sides, reach = 1, shows }) {
  const canvas = make("canvas", {
    role: "slider",
    tabIndex: 0,
    "aria-roledescription": "two-dimensional slider",
    "aria-label": name,
    "aria-valuemin": 0,
    "aria-valuemax": 100,
  });
  host.append(canvas);
  const picture = make("canvas");
  let map = null;
  let painted = [];

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      clamp((event.clientX - box.left) / box.width, 0, 1),
      clamp(1 - (event.clientY - box.top) / box.height, 0, 1),
    ];
  };
  const go = (u, v) => move(clamp(u, 0, 1), clamp(v, 0, 1));
  let by = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || by !== null) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    by = event.pointerId;
    hold(true);
    go(...at(event));
  });
  canvas.addEventListener("pointermove", (event) => event.pointerId === by && go(...at(event)));
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(end, (event) => {
      if (event.pointerId !== by) return;
      by = null;
      hold(false);
    });
  }
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const [u, v] = place();
    const little = event.shiftKey ? STEP / 10 : STEP;
    const ways = {
      ArrowLeft: [u - little, v],
      ArrowRight: [u + little, v],
      ArrowUp: [u, v + little],
      ArrowDown: [u, v - little],
      PageUp: [u, v + 0.1],
      PageDown: [u, v - 0.1],
      Home: [0, v],
      End: [1, v],
      Delete: middle,
    };
    if (!(event.key in ways)) return;
    event.preventDefault();
    go(...ways[event.key]);
  });
  canvas.addEventListener("dblclick", () => go(...middle));

  function paint() {
    const [context, width, height] = sharp(canvas);
    if (!width) return;
    context.clearRect(0, 0, width, height);
    context.save();
    const shape = outline(width, height);
    context.fillStyle = colour("--well");
    context.fill(shape);
    context.clip(shape);
    if (map) {
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      const [wide, tall] = [width * reach, height * reach];
      context.drawImage(picture, (width - wide) / 2, (height - tall) / 2, wide, tall);
    }
    context.restore();
    context.strokeStyle = colour("--line-on-panel");
    context.lineWidth = 1;
    context.stroke(shape);
    for (const mark of marks()) draw_mark(context, mark, width, height);
    if (sides) label(context, sides(), width, height);
    puck(context, place(), width, height);
  }

  return {
    /** Show a map: { values, side, low, high }, rows from the bottom. */
    show: (fresh) => {
      map = fresh;
      if (!map) return;
      const image = ramp(map);
      Object.assign(picture, { width: image.width, height: image.height });
      picture.getContext("2d").putImageData(image, 0, 0);
    },
    refresh: () => {
      const [u] = place();
      put(canvas, "aria-valuenow", Math.round(100 * u));
      put(canvas, "aria-valuetext", words());
      const { clientWidth, clientHeight } = canvas;
      const shown = [map, clientWidth, clientHeight, window.devicePixelRatio, lightness.matches, ...shows()];
      if (shown.length === painted.length && shown.every((part, at) => part === painted[at])) return;
      painted = shown;
      paint();
    },
  };
}

function draw_mark(context, { u, v, text, colour: tint, dot = 4, at = [0, 0], share = 1 }, width, height) {
  const [x, y] = [u * width, (1 - v) * height];
  context.globalAlpha = share;
  context.beginPath();
  context.arc(x, y, dot, 0, 2 * Math.PI);
  context.fillStyle = tint;
  context.fill();
  context.lineWidth = Math.min(dot / 3, 1.5);
  context.strokeStyle = colour("--well");
  context.stroke();
  context.globalAlpha = 1;
  if (!text) return;
  context.font = "600 13px system-ui, sans-serif";
  context.textAlign = at[0] > 0.3 ? "right" : at[0] < -0.3 ? "left" : "center";
  context.textBaseline = "middle";
  const [tx, ty] = [x - at[0] * 14, y + at[1] * 18];
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = colour("--well");
  context.strokeText(text, tx, ty);
  context.fillStyle = colour("--print-on-panel");
  context.fillText(text, tx, ty);
}

function label(context, [across, upwards], width, height) {
  Object.assign(context, { font: "12px system-ui, sans-serif", textAlign: "right", lineWidth: 3, lineJoin: "round" });
  context.strokeStyle = colour("--well");
  context.fillStyle = colour("--print-on-panel");
  for (const [text, x, y, turn] of [
    [across, width - 10, height - 12, 0],
    [upwards, 14, 10, -Math.PI / 2],
  ]) {
    context.save();
    context.translate(x, y);
    context.rotate(turn);
    context.strokeText(text, 0, 0);
    context.fillText(text, 0, 0);
    context.restore();
  }
}

function puck(context, [u, v], width, height) {
  for (const [radius, tint, line] of [
    [11, "#000", 5],
    [11, colour("--glass"), 2.5],
  ]) {
    context.beginPath();
    context.arc(u * width, (1 - v) * height, radius, 0, 2 * Math.PI);
    context.strokeStyle = tint;
    context.lineWidth = line;
    context.stroke();
  }
}

const RIM = 0.94; // of the square's half: the polygon keeps clear of the edge
const toPad = ([x, y]) => [0.5 + (x * RIM) / 2, 0.5 + (y * RIM) / 2];
const fromPad = (u, v) => [((u - 0.5) * 2) / RIM, ((v - 0.5) * 2) / RIM];

/** The blend pad. */
export function blendPad(host, instrument) {
  const modes = () => instrument.state.modes;
  const weights = () => instrument.get("blend") ?? [];
  return pad(host, {
    name: "Blend: a corner is one mode",
    place: () => toPad(placeOf(weights().length ? weights() : [1])),
    move: (u, v) => {
      if (modes().length < 2) return;
      const [x, y] = inside(...fromPad(u, v), modes().length);
      instrument.set("blend", weightsAt(x, y, modes().length));
    },
    words: () =>
      modes()
        .map((mode, index) => `${mode.name} ${per_cent(weights()[index] ?? 0)}`)
        .join(", ") || "no bundle plays",
    middle: [0.5, 0.5],
    shows: () => [modes(), ...weights()],
    hold: (held) => instrument.hold("blend", held),
    reach: RIM,
    outline: (width, height) => {
      const shape = new Path2D();
      const places = corners(modes().length).map(toPad);
      if (places.length < 3) {
        shape.rect(width * (0.5 - RIM / 2), height * 0.35, width * RIM, height * 0.3);
        return shape;
      }
      places.forEach(([u, v], index) => shape[index ? "lineTo" : "moveTo"](u * width, (1 - v) * height));
      shape.closePath();
      return shape;
    },
    marks: () => [
      ...byCorner(modes(), corners(modes().length)).map(({ at, ...mark }) => {
        const [u, v] = toPad(at);
        return { ...mark, u, v };
      }),
      ...corners(modes().length).map(([x, y], index) => {
        const [u, v] = toPad([x, y]);
        return { u, v, text: modes()[index].name, colour: modes()[index].color, dot: 6, at: [x, y] };
      }),
    ],
  });
}

const WORDS = { timbre_x: "brighter", timbre_y: "breathier" };

/** The timbre pad. Its sides have the words of the strongest mode. `tell` hears which recording is near. */
export function timbrePad(host, instrument, tell) {
  const modes = () => instrument.state.modes;
  const timbre = () => instrument.get("timbre") ?? [0.5, 0.5];
  const strongest = () =>
    instrument.state.blend.reduce((best, weight, mode, all) => (weight > all[best] ? mode : best), 0);
  const word = (column) => modes()[strongest()]?.knobs?.[column] ?? WORDS[column];
  const beside = () => {
    const found = near(modes(), instrument.state.blend, timbre());
    const text = found ? `near ${found.mode} ${found.name}` : "";
    tell(text);
    return text && `; ${text}`;
  };
  return pad(host, {
    name: "Timbre",
    place: timbre,
    move: (u, v) => instrument.set("timbre", [u, v]),
    words: () =>
      `X, ${word("timbre_x")}, ${per_cent(timbre()[0])}; Y, ${word("timbre_y")}, ${per_cent(timbre()[1])}${beside()}`,
    marks: () => placed(modes(), instrument.state.blend),
    middle: [0.5, 0.5],
    shows: () => [modes(), ...instrument.state.blend, ...timbre()],
    hold: (held) => instrument.hold("timbre", held),
    outline: (width, height) => {
      const shape = new Path2D();
      shape.roundRect(0.5, 0.5, width - 1, height - 1, 6);
      return shape;
    },
    sides: () => [`X: ${word("timbre_x")} →`, `Y: ${word("timbre_y")} →`],
  });
}
