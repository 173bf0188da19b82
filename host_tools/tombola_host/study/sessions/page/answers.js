// What a listener can answer to each kind of question: the controls, and what is sent.

import { $, make } from "./dom.js";

const CHOICES = {
  pairs: [["a", "A", "a"], ["same", "no difference", "n"], ["b", "B", "b"]],
  abx: [["a", "X is A", "a"], ["b", "X is B", "b"]],
};
// A tuning session compares as many as it has letters.
export const choicesOf = (kind, letters) => CHOICES[kind] ?? (kind === "tune"
  ? [...letters.map(letter => [letter.toLowerCase(), letter, letter.toLowerCase()]), ["same", "no difference", "n"]] : []);

// A button for each letter; a slider beside it where it is rated.
export function drawSlots(kind, letters, listen, changed) {
  const rated = kind === "ratings";
  $("slots").className = rated ? "" : "side";
  $("slots").replaceChildren(...letters.map((letter, place) => {
    const button = make("button", {
      type: "button", id: `slot-${letter}`, textContent: letter, "aria-pressed": "false", "aria-keyshortcuts": `${place + 1}`,
      "aria-label": `listen to ${letter}`, onclick: () => listen(letter),
    });
    if (!rated || letter.length > 1) return rated ? make("div", { className: "rated" }, button) : button;
    const shown = make("output", { textContent: "–" });
    const slider = make("input", {
      type: "range", min: 0, max: 100, value: 50, id: `rate-${letter}`, "aria-label": `rating of ${letter}, 0 to 100`,
      oninput: () => { slider.dataset.set = "1"; shown.textContent = slider.value; changed(); },
    });
    return make("div", { className: "rated" }, button, slider, shown);
  }));
}

export function drawAnswers(kind, letters, answer) {
  const choices = choicesOf(kind, letters);
  const buttons = choices.map(([value, words, key]) => make("button", {
    type: "button", textContent: words, id: `answer-${value}`, disabled: true, "aria-keyshortcuts": key, onclick: () => answer(value),
  }));
  if (!choices.length) buttons.push(make("button", { type: "button", id: "answer-rated", textContent: "Go on", disabled: true, onclick: () => answer("") }));
  $("answers").replaceChildren(...buttons);
}

export function drawMarks(letters, marks, changed) {
  $("marks").replaceChildren(...letters.map(letter => make("fieldset", {}, make("legend", { textContent: letter }),
    ...marks.map(mark => {
      const box = make("input", { type: "checkbox", onchange: changed });
      box.dataset.letter = letter;
      box.dataset.mark = mark;
      return make("label", {}, box, ` ${mark}`);
    }))));
  $("wrong").open = false;
}

const sliders = () => [...document.querySelectorAll("#slots input")];
export const allRated = () => sliders().every(slider => slider.dataset.set);

export function draft() {
  const marks = {};
  for (const box of document.querySelectorAll("#marks input:checked")) (marks[box.dataset.letter] ??= []).push(box.dataset.mark);
  const ratings = {};
  for (const slider of sliders()) if (slider.dataset.set) ratings[slider.id.slice(5)] = Number(slider.value);
  return { words: $("words").value.trim(), marks, ratings };
}

export function restore({ words = "", marks = {}, ratings = {} }) {
  $("words").value = words;
  for (const box of document.querySelectorAll("#marks input")) box.checked = marks[box.dataset.letter]?.includes(box.dataset.mark) ?? false;
  if (Object.keys(marks).length) $("wrong").open = true;
  for (const slider of sliders()) {
    const value = ratings[slider.id.slice(5)];
    if (value === undefined) continue;
    slider.value = value;
    slider.dataset.set = "1";
    slider.nextElementSibling.textContent = value;
  }
}
