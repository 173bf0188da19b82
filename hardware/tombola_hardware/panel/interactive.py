"""A bill of materials to solder by: a page that shows where each line's parts are. Needs no network."""

from __future__ import annotations

import html
from typing import Final

from tombola_hardware.bom import Line, lines
from tombola_hardware.kicad.pcb import Spot
from tombola_hardware.model import Board
from tombola_hardware.panel.layout import BOARD_MM
from tombola_hardware.panel.placing import box_of
from tombola_hardware.routing.grid import pads

PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Tombola, {name} board: what goes where</title>
<style>
body {{ margin: 0; display: flex; height: 100vh; font: 14px system-ui, sans-serif; }}
nav {{ flex: 1; overflow: auto; padding: 0 8px; }} main {{ flex: 1; background: #10261c; }}
svg {{ width: 100%; height: 100%; }} td, th {{ text-align: left; padding: 2px 6px; vertical-align: top; }}
tr {{ cursor: pointer; }} tr.lit {{ background: #ffe9a8; }} tr.done {{ color: #999; }}
.part rect {{ fill: #1d4031; stroke: #6c8f7d; stroke-width: 0.1; }} .part path {{ fill: #c9a64b; }}
.part.lit rect {{ fill: #d23c2a; stroke: #fff; stroke-width: 0.3; }} .part.away {{ display: none; }}
text {{ fill: #e8efe9; font-size: 1.1px; text-anchor: middle; pointer-events: none; }}
</style>
<nav><h3>{name} board, revision {revision}</h3>
<label><input type="search" id="find" placeholder="C911, 100n …"></label>
<label><input type="radio" name="side" value="front" checked> front</label>
<label><input type="radio" name="side" value="back"> back, seen through</label>
<table><tr><th></th><th>references</th><th>value</th><th>footprint</th><th>number</th></tr>
{rows}
</table></nav>
<main><svg viewBox="{view}"><rect x="{x}" y="{y}" width="{w}" height="{h}" fill="none" stroke="#e8efe9"
 stroke-width="0.2"/>
{parts}
</svg></main>
<script>
const kept = "tombola {name} {revision}", done = new Set(JSON.parse(localStorage.getItem(kept) || "[]"));
const rows = [...document.querySelectorAll("tr[data-parts]")], parts = [...document.querySelectorAll(".part")];
function light(row) {{
  const wanted = row.dataset.parts.split(" ");
  rows.forEach(other => other.classList.toggle("lit", other === row));
  parts.forEach(part => part.classList.toggle("lit", wanted.includes(part.id)));
}}
function turn(side) {{ parts.forEach(part => part.classList.toggle("away", part.dataset.side !== side)); }}
rows.forEach(row => {{
  const box = row.querySelector("input"), key = row.dataset.parts;
  box.checked = done.has(key); row.classList.toggle("done", box.checked);
  box.onchange = () => {{
    box.checked ? done.add(key) : done.delete(key); row.classList.toggle("done", box.checked);
    localStorage.setItem(kept, JSON.stringify([...done]));
  }};
  row.onclick = () => light(row);
}});
parts.forEach(part => part.onclick = () => light(rows.find(row => row.dataset.parts.split(" ").includes(part.id))));
document.querySelectorAll("[name=side]").forEach(button => button.onchange = () => turn(button.value));
document.getElementById("find").oninput = event => {{
  const text = event.target.value.toLowerCase();
  rows.forEach(row => row.hidden = !row.textContent.toLowerCase().includes(text));
}};
turn("front");
</script></html>
"""


def page(circuit: Board, name: str, spots: list[Spot]) -> str:
    """The page of the ``main`` or the ``control`` board."""
    left, upper, right, lower = BOARD_MM
    return PAGE.format(
        name=name,
        revision=circuit.revision,
        rows="\n".join(_row(line) for line in lines(circuit) if line.board == name),
        parts="\n".join(_part(spot) for spot in sorted(spots, key=lambda spot: spot.reference)),
        view=f"{left - 1:g} {upper - 1:g} {right - left + 2:g} {lower - upper + 2:g}",
        x=f"{left:g}",
        y=f"{upper:g}",
        w=f"{right - left:g}",
        h=f"{lower - upper:g}",
    )


def _row(line: Line) -> str:
    cells = "".join(
        f"<td>{html.escape(text)}</td>"
        for text in (line.references, line.value, line.footprint, f"{line.maker} {line.number}")
    )
    return f'<tr data-parts="{html.escape(line.references)}"><td><input type="checkbox"></td>{cells}</tr>'


def _part(spot: Spot) -> str:
    left, upper, right, lower = (float(edge) for edge in box_of(spot))
    copper = "".join(
        f"M{pad.x_mm - pad.half_w:.2f} {pad.y_mm - pad.half_h:.2f}h{2 * pad.half_w:.2f}v{2 * pad.half_h:.2f}"
        f"h{-2 * pad.half_w:.2f}z"
        for pad in pads([spot])
        if not pad.hole
    )
    return (
        f'<g class="part" id="{spot.reference}" data-side="{"back" if spot.back else "front"}">'
        f'<rect x="{left:.2f}" y="{upper:.2f}" width="{right - left:.2f}" height="{lower - upper:.2f}"/>'
        f'<path d="{copper}"/><text x="{(left + right) / 2:.2f}" y="{(upper + lower) / 2 + 0.4:.2f}">'
        f"{spot.reference}</text></g>"
    )
