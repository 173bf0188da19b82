// The module's panel: hardware's drawing, in which every control is a group with its kind, legend and place.
import { byId, say } from "./dom.js";
import { button, encoder, knob } from "./hands.js";
import { audioJack, gateJack, inputJack, lamp, midiJack, outputJack, usbPort } from "./jacks.js";
import { display } from "./display.js";

const KINDS = {
  Knob: knob,
  Encoder: encoder,
  Button: button,
  Lamp: lamp,
  Display: display,
  CvInput: inputJack,
  GateInput: gateJack,
  CvOutput: outputJack,
  GateOutput: outputJack,
  AudioOutput: audioJack,
  MidiJack: midiJack,
  UsbPort: usbPort,
};

/**
 * Draw the panel and bring it alive.
 *
 * @param instrument what is played
 * @param deeds what a jack starts elsewhere on the page: listen(), midi(), flash(files)
 * @returns refresh(state)
 */
export async function panel(instrument, deeds) {
  const answer = await fetch("panel.svg");
  const drawing = new DOMParser().parseFromString(await answer.text(), "image/svg+xml").documentElement;
  const host = byId("panel");
  const svg = document.importNode(drawing, true);
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", "Front panel");
  host.replaceChildren(svg);
  const readout = (text) => say(byId("readout"), text);
  const parts = [...svg.querySelectorAll("g[data-kind]")].map((group) => {
    const part = KINDS[group.dataset.kind](group, instrument, { ...deeds, host });
    const tell = () => part.words && readout(part.words());
    // A group that listens for the focus gets it by the Tab key; lamps and the display must not.
    const signs = group.hasAttribute("tabindex") ? ["focus", "keyup"] : [];
    for (const sign of ["pointerenter", "pointerdown", ...signs]) group.addEventListener(sign, tell);
    return { ...part, tell, group };
  });
  return (state) => {
    for (const part of parts) part.refresh?.(state);
    const here = parts.find((part) => part.group === document.activeElement);
    here?.tell();
  };
}
