"""How the report looks: one sheet for light and dark, phone and desk, without anything to fetch."""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --card: #fff; --ink: #1d1b18; --soft: #6d675f; --line: #e4dfd8;
  --accent: #b3471d; --good: #2c7a4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #16151a; --card: #201f26; --ink: #ece9e4; --soft: #a09aa6;
  --line: #35333d; --accent: #f2935c; --good: #74cf98; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: clamp(1.7rem, 5vw, 2.5rem); line-height: 1.15; margin: 0 0 .4rem; letter-spacing: -.02em; }
h2 { font-size: 1.3rem; margin: 3rem 0 .3rem; letter-spacing: -.01em; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; display: flex; align-items: center; gap: .5rem; }
p { margin: .3rem 0 1rem; max-width: 46rem; }
.soft, figcaption { color: var(--soft); font-size: .88rem; }
.dot { width: .8rem; height: .8rem; border-radius: 50%; flex: none; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .7rem; margin: 1.4rem 0; }
.facts div, figure, .scroll { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; }
.facts div { padding: .7rem .9rem; }
.facts b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.facts span { color: var(--soft); font-size: .82rem; }
figure { margin: 0 0 .8rem; padding: .7rem; overflow: hidden; }
figure svg { display: block; width: 100%; height: auto; }
.picture { max-width: 46rem; }
figure img { display: block; width: 100%; height: auto; border-radius: .4rem; }
figcaption { padding: .4rem .1rem 0; }
.rows { list-style: none; margin: .6rem 0 0; padding: 0; max-width: 46rem; }
.rows li { display: grid; grid-template-columns: minmax(4.2rem, 7rem) repeat(3, 1fr); gap: .4rem; align-items: center;
  padding: .3rem 0; }
.rows b { display: flex; align-items: center; gap: .4rem; overflow-wrap: anywhere; line-height: 1.2; }
.rows b span { min-width: 0; }
.rows .dot { width: .7rem; height: .7rem; }
.hear figure { max-width: 46rem; margin: 0; }
.hear audio { margin: 0; }
button { font: inherit; font-size: .88rem; width: 100%; min-height: 2.75rem; padding: 0 .3rem; cursor: pointer;
  color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
button::before { content: "▶ "; color: var(--accent); }
button.on { border-color: var(--accent); }
button.on::before { content: "■ "; }
@media (max-width: 32rem) { .rows li { grid-template-columns: 5.4rem repeat(3, 1fr); }
  .rows button { line-height: 1.2; padding: .2rem 0; } .rows button::before { display: block; } }
.js [id^="sound-"], html:not(.js) button { display: none; }
figure button { width: auto; padding: 0 1rem; margin-top: .5rem; }
audio { display: block; width: 100%; height: 2.4rem; margin-top: .5rem; }
.sounds { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .8rem; }
.sounds figure { margin: 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: .8rem; }
.plots figure { margin: 0; }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .9rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 9rem; }
.words th, .words td { text-align: left; white-space: normal; }
.words td { overflow-wrap: break-word; }
@media (max-width: 32rem) { th, td { padding: .45rem .5rem; } }
thead th { color: var(--soft); font-weight: 600; font-size: .82rem; }
tbody tr:last-child td { border-bottom: 0; }
.best { color: var(--accent); font-weight: 700; }
.yes { color: var(--good); font-weight: 700; }
.no { color: var(--bad); font-weight: 700; }
"""

SCRIPT = """
document.documentElement.className = "js";
const buttonsOf = audio => document.querySelectorAll(`[data-plays="${audio.id}"]`);
document.addEventListener("click", event => {
  const button = event.target.closest("[data-plays]");
  if (!button) return;
  const audio = document.getElementById(button.dataset.plays);
  if (audio.paused) { audio.currentTime = 0; audio.play(); } else audio.pause();
});
document.addEventListener("play", event => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
  for (const button of buttonsOf(event.target)) button.classList.add("on");
}, true);
for (const end of ["pause", "ended"]) document.addEventListener(end, event => {
  for (const button of buttonsOf(event.target)) button.classList.remove("on");
}, true);
"""
"""Buttons that start the players they name, and one player at a time. Without it the players themselves are shown."""
