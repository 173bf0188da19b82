// Sixteen places for scenes: save, recall, and a name of one's own.
import { make, put, say } from "./dom.js";

const LONGEST = 24;

export function scenes(sheet, instrument) {
  const rows = Array.from({ length: 16 }, (_, place) => {
    const name = make("input", {
      type: "text",
      maxLength: LONGEST,
      placeholder: `Scene ${place + 1}`,
      "aria-label": `Name of scene ${place + 1}`,
      autocomplete: "off",
      spellcheck: false,
    });
    const words = make("span", { className: "quiet words" });
    const recall = make(
      "button",
      { type: "button", onclick: () => instrument.do("recall_scene", { place }) },
      "Recall",
    );
    const save = make("button", { type: "button", onclick: () => instrument.do("save_scene", { place }) }, "Save");
    put(recall, "aria-label", `Recall scene ${place + 1}`);
    put(save, "aria-label", `Save scene ${place + 1}`);
    name.addEventListener("change", () => instrument.do("rename_scene", { place, name: name.value.trim() }));
    name.addEventListener("keydown", (event) => event.key === "Enter" && name.blur());
    const row = make(
      "li",
      {},
      make("span", { className: "figures number" }, String(place + 1)),
      name,
      recall,
      save,
      words,
    );
    return { row, name, words, recall };
  });
  sheet.append(make("ol", { className: "scenes" }, ...rows.map(({ row }) => row)));
  return {
    refresh: (state) =>
      rows.forEach(({ name, words, recall }, place) => {
        const scene = state.scenes[place] ?? { words: "", name: "" };
        if (document.activeElement !== name && name.value !== scene.name) name.value = scene.name;
        say(words, scene.words === scene.name ? "" : scene.words);
        recall.disabled = !scene.words;
        name.disabled = !scene.words;
      }),
  };
}
