// The pages beside the panel: one is open, the choice is kept for this browser.
import { byId, make, put } from "./dom.js";
import { scenes } from "./scenes.js";
import { sounds } from "./sounds.js";
import { settings } from "./settings.js";
import { calibration } from "./calibration.js";
import { log } from "./log.js";

const PAGES = { Scenes: scenes, Sounds: sounds, Settings: settings, Calibrate: calibration, Log: log };
const KEPT = "tombola page";

/** Make the pages; gives { refresh(state), open(name), pages }. */
export function book(instrument, notice) {
  const pages = {};
  for (const [name, page] of Object.entries(PAGES)) {
    const tab = make("button", { type: "button", onclick: () => open(name) }, name);
    const sheet = make("div", { className: "page", hidden: true, "data-page": name });
    byId("tabs").append(tab);
    byId("sheet").append(sheet);
    pages[name] = { tab, sheet, ...page(sheet, instrument, notice) };
  }
  function open(name) {
    for (const [other, { tab, sheet }] of Object.entries(pages)) {
      sheet.hidden = other !== name;
      put(tab, "aria-pressed", other === name);
    }
    localStorage.setItem(KEPT, name);
    instrument.paint();
  }
  const kept = localStorage.getItem(KEPT);
  open(kept in pages ? kept : "Scenes");
  return {
    open,
    pages,
    refresh: (state) => {
      for (const { sheet, refresh } of Object.values(pages)) if (!sheet.hidden) refresh(state);
    },
  };
}
