// One trial after the other. Keys: 1, 2, … listen; space plays and stops; a, b, n answer.

import * as desk from "./desk.js";
import { $ } from "./dom.js";
import { Player } from "./player.js";
import { allRated, choicesOf, draft, drawAnswers, drawMarks, drawSlots, restore } from "./answers.js";

let state = null;
let listener = localStorage.getItem("listener") ?? "";
let heard = new Set();
let busy = false;
const player = new Player(shown);
const draftKey = () => `draft ${state.session} ${listener} ${state.trial.number}`;

function shown() {
  for (const button of document.querySelectorAll("#slots button")) {
    const on = player.playing && button.textContent === player.letter;
    button.setAttribute("aria-pressed", String(on));
  }
  $("play").textContent = player.playing ? "Stop" : "Play";
}

function ready() {
  const complete = state.trial.slots.every(letter => heard.has(letter)) && allRated();
  for (const button of document.querySelectorAll("#answers button")) button.disabled = busy || !complete;
}

function changed() {
  sessionStorage.setItem(draftKey(), JSON.stringify(draft()));
  ready();
}

async function listen(letter) {
  if (busy) return;
  await player.hear(letter, { anew: $("again").checked });
  heard.add(letter);
  ready();
}

async function attempt(work, said = "") {
  if (busy) return;
  busy = true;
  $("error").textContent = "";
  try {
    await work();
    $("said").textContent = said;
  } catch (error) {
    $("error").textContent = error.message;
  } finally {
    busy = false;
    if (state?.trial) ready();
  }
}

const answer = value => attempt(async () => {
  const said = { listener, trial: state.trial.number, answer: value, ...draft() };
  const after = await desk.vote(said);
  sessionStorage.removeItem(draftKey());
  await show(after);
});

async function show(after) {
  player.stop();
  state = after;
  heard = new Set();
  $("who").hidden = true;
  $("session").textContent = `${state.session} · ${listener}`;
  $("progress").max = state.total;
  $("progress").value = state.done;
  $("progress-text").textContent = `${state.done} of ${state.total} · about ${Math.ceil(state.minutes_left)} min left`;
  $("undo").disabled = !state.undo;
  $("trial").hidden = true;
  $("end").hidden = Boolean(state.trial);
  if (!state.trial) return $("end").focus();
  const { number, slots } = state.trial;
  $("said").textContent = "One moment: the next sounds come.";
  const files = await Promise.all(slots.map(async letter => [letter, await desk.soundOf(listener, number, letter)]));
  await player.load(new Map(files));
  $("question").textContent = state.question;
  drawSlots(state.kind, slots, listen, changed);
  drawAnswers(state.kind, slots, answer);
  drawMarks(slots.filter(letter => letter.length === 1 && letter !== "X"), state.marks, changed);
  const keys = choicesOf(state.kind, slots).map(([, words, key]) => `${key}: ${words}`).join(" · ");
  $("keys").textContent = `Keys: 1 to ${slots.length} listen · space plays and stops${keys ? ` · ${keys}` : ""}. Hear each sound before you answer.`;
  restore(JSON.parse(sessionStorage.getItem(draftKey()) ?? "{}"));
  $("trial").hidden = false;
  ready();
  $("question").focus();
}

async function begin() {
  $("who").hidden = Boolean(listener);
  if (!listener) return $("name").focus();
  await attempt(async () => {
    try {
      await show(await desk.stateOf(listener));
    } catch (error) {
      $("who").hidden = Boolean(state);
      throw error;
    }
  });
}

$("who").addEventListener("submit", event => {
  event.preventDefault();
  listener = $("name").value.trim();
  localStorage.setItem("listener", listener);
  begin();
});
$("play").addEventListener("click", () => (player.playing ? player.stop() : listen(player.letter)));
$("undo").addEventListener("click", () => attempt(async () => show(await desk.undo(listener)), "The last answer was taken back."));
$("words").addEventListener("input", changed);

document.addEventListener("keydown", event => {
  if (!state?.trial || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const target = event.target;
  if (target.matches("textarea, input:not([type=range]):not([type=checkbox])")) return;
  const letter = state.trial.slots[Number(event.key) - 1];
  const choice = choicesOf(state.kind, state.trial.slots).find(([, , key]) => key === event.key.toLowerCase());
  if (letter) listen(letter);
  else if (event.key === " " && !target.matches("button, input, summary")) $("play").click();
  else if (choice && !document.getElementById(`answer-${choice[0]}`).disabled) answer(choice[0]);
  else return;
  event.preventDefault();
});

await attempt(desk.login);
await begin();
