// The one way to make elements. Text, foreign or not, goes in as text and never as markup.

/** Make an element: make("button", { type: "button", onclick: go }, "Go"). Keys with a dash are attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role" || key === "for" || key === "list") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

/** Set an attribute if it is another one, so that neither the page nor a screen reader is bothered for nothing. */
export function put(element, name, value) {
  const text = String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Set an element's text if it is another one. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const byId = (id) => document.getElementById(id);

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** A drawing surface as sharp as the screen; gives [context, width, height] in CSS pixels. */
export function sharp(canvas) {
  const box = canvas.getBoundingClientRect();
  const dots = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(box.width * dots), Math.round(box.height * dots)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(dots, 0, 0, dots, 0, 0);
  return [context, box.width, box.height];
}

/** Keep a finger that moves this from scrolling the page; CSS's touch-action does not reach into a drawing. */
export function grip(element) {
  element.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
}

/** The colour of a CSS variable, for canvases. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
