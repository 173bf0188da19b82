// What makes any element a slider: drag, wheel, arrow keys, Home, End, Page keys, double click; and its name for readers.
import { clamp, grip, put } from "./dom.js";

const TRAVEL_PX = 180; // of a drag from one end to the other
const FINE = 0.1; // with the shift key held

/**
 * Make an element a slider.
 *
 * @param element gets role, tab stop and values
 * @param options value() now; change(value) moves it; text(value) in words; name() of what it moves; low, high; step of an
 *   arrow key; rest: where a double click puts it (undefined: nowhere); hold(held) when a hand comes or goes
 * @returns refresh(), to be called when the value may have changed
 */
export function slider(element, options) {
  const { low = 0, high = 1, step = 1 / 100, rest } = options;
  const at = () => options.value();
  const move = (value) => {
    const wanted = clamp(value, low, high);
    if (wanted !== at()) options.change(wanted);
    refresh();
  };
  put(element, "role", "slider");
  put(element, "tabindex", 0);
  put(element, "aria-valuemin", low);
  put(element, "aria-valuemax", high);

  grip(element);
  let from = null;
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    from = { id: event.pointerId, x: event.clientX, y: event.clientY, value: at() };
    options.hold?.(true);
  });
  element.addEventListener("pointermove", (event) => {
    if (from?.id !== event.pointerId) return;
    const way = (event.clientX - from.x + from.y - event.clientY) / TRAVEL_PX;
    from.value = clamp(from.value + way * (high - low) * (event.shiftKey ? FINE : 1), low, high);
    [from.x, from.y] = [event.clientX, event.clientY];
    move(from.value);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    element.addEventListener(end, (event) => {
      if (from?.id !== event.pointerId) return;
      from = null;
      options.hold?.(false);
    });
  }
  element.addEventListener("dblclick", () => rest !== undefined && move(rest));
  element.addEventListener(
    "wheel",
    (event) => {
      if (document.activeElement !== element) return; // The page scrolls, unless this is what the hand is at.
      event.preventDefault();
      move(at() - Math.sign(event.deltaY) * step * (high - low));
    },
    { passive: false },
  );
  element.addEventListener("keydown", (event) => {
    const little = step * (high - low) * (event.shiftKey ? FINE : 1);
    const ways = {
      ArrowUp: at() + little,
      ArrowRight: at() + little,
      ArrowDown: at() - little,
      ArrowLeft: at() - little,
      PageUp: at() + little * 10,
      PageDown: at() - little * 10,
      Home: low,
      End: high,
      Delete: rest ?? at(),
    };
    if (!(event.key in ways) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    move(ways[event.key]);
  });

  function refresh() {
    put(element, "aria-label", options.name());
    put(element, "aria-valuenow", Math.round(at() * 1000) / 1000);
    put(element, "aria-valuetext", options.text(at()));
  }
  refresh();
  return refresh;
}
