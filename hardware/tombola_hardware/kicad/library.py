"""KiCad's symbols and footprints: where their pins are, and what they are called."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tombola_hardware.errors import BadBoard, ToolMissing
from tombola_hardware.kicad.sexpr import Node, child, children, quote, read, the, unquote

OWN = Path(__file__).parents[2] / "footprints" / "tombola.pretty"
"""Footprints that KiCad does not have."""


TRI_STATE: Final = {("Analog_ADC:MCP3208", "12"), ("Analog_ADC:AD7689xCP", "14")}
"""Pins that KiCad calls outputs although their datasheet lets go of them when the chip is not selected."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A pin of a symbol; x to the right, y up, where a wire meets it; angle: into the body, in degrees."""

    number: str
    name: str
    kind: str
    unit: int
    x_mm: float
    y_mm: float
    angle: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol of a library, with what it inherits filled in.

    Args:
        name: ``Library:Name``.
        definition: As a schematic holds it.
        pins: Of all units.
        boxes: Extent of each unit's drawing: left, bottom, right, top, y up.
    """

    name: str
    definition: list[Node]
    pins: tuple[Pin, ...]
    boxes: dict[int, tuple[float, float, float, float]]

    def pin(self, number: str) -> Pin:
        """A pin by its number."""
        for pin in self.pins:
            if pin.number == number:
                return pin
        raise BadBoard(
            f"KiCad's symbol {self.name} has no pin {number}; its pins are {[pin.number for pin in self.pins]}"
        )


def share() -> Path:
    """Where KiCad's libraries are.

    Raises:
        ToolMissing: Nowhere.
    """
    for folder in (os.environ.get("KICAD_SHARE", ""), "/usr/share/kicad", "/usr/local/share/kicad"):
        if folder and (Path(folder) / "symbols").is_dir():
            return Path(folder)
    raise ToolMissing(
        "KiCad's libraries were not found; install kicad-symbols and kicad-footprints, or set KICAD_SHARE"
    )


@cache
def _library(name: str) -> dict[str, list[Node]]:
    path = share() / "symbols" / f"{name}.kicad_sym"
    if not path.exists():
        raise BadBoard(f"KiCad has no symbol library {name}; see {path.parent}")
    return {unquote(entry[1]): entry for entry in children(read(path), "symbol")}


@cache
def symbol(name: str) -> Symbol:
    """A symbol by ``Library:Name``.

    Raises:
        BadBoard: There is none.
        ToolMissing: KiCad's libraries are not there.
    """
    library, _, short = name.partition(":")
    entries = _library(library)
    if short not in entries:
        raise BadBoard(f"KiCad's library {library} has no symbol {short}; look it up in KiCad's symbol chooser")
    own = entries[short]
    parent = child(own, "extends")
    definition = _inherited(own, entries[unquote(parent[1])], short) if parent else list(own)
    definition[1] = quote(name)
    pins: list[Pin] = []
    boxes: dict[int, tuple[float, float, float, float]] = {}
    for unit in children(definition, "symbol"):
        number, style = (int(part) for part in unquote(unit[1]).rsplit("_", 2)[1:])
        if style > 1:
            continue
        points = [(0.0, 0.0)] if number else []
        for entry in children(unit, "pin"):
            if (name, unquote(the(entry, "number")[1])) in TRI_STATE:
                entry[1] = "tri_state"
            x, y, angle = (float(unquote(value)) for value in the(entry, "at")[1:])
            pins.append(
                Pin(
                    unquote(the(entry, "number")[1]),
                    unquote(the(entry, "name")[1]),
                    unquote(entry[1]),
                    number,
                    x,
                    y,
                    round(angle),
                )
            )
        points += _extent(unit)
        if points:
            xs, ys = [x for x, _ in points], [y for _, y in points]
            boxes[number] = (min(xs), min(ys), max(xs), max(ys))
    return Symbol(name, definition, tuple(pins), boxes)


def _inherited(own: list[Node], parent: list[Node], short: str) -> list[Node]:
    """A symbol that extends another: the other's drawing under its own name, with its own properties."""
    properties = {unquote(entry[1]): entry for entry in children(own, "property")}
    old = unquote(parent[1])
    merged: list[Node] = []
    for entry in parent:
        if isinstance(entry, list) and entry[0] == "property":
            merged.append(properties.pop(unquote(entry[1]), entry))
        elif isinstance(entry, list) and entry[0] == "symbol":
            merged.append(["symbol", quote(short + unquote(entry[1])[len(old) :]), *entry[2:]])
        else:
            merged.append(entry)
    merged[1] = quote(short)
    first = next(index for index, entry in enumerate(merged) if isinstance(entry, list) and entry[0] == "symbol")
    return merged[:first] + list(properties.values()) + merged[first:]


def _extent(unit: list[Node]) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for shape in unit:
        if not isinstance(shape, list) or shape[0] not in {"rectangle", "polyline", "circle", "arc"}:
            continue
        for name in ("start", "mid", "end", "center"):
            for entry in children(shape, name):
                points.append((float(unquote(entry[1])), float(unquote(entry[2]))))
        if shape[0] == "circle":
            (x, y), radius = points.pop(), float(unquote(the(shape, "radius")[1]))
            points += [(x - radius, y - radius), (x + radius, y + radius)]
        for entry in children(child(shape, "pts") or [], "xy"):
            points.append((float(unquote(entry[1])), float(unquote(entry[2]))))
    return points


def footprint_path(name: str) -> Path:
    """File of a footprint by ``Library:Name``.

    Raises:
        BadBoard: There is none.
    """
    library, _, short = name.partition(":")
    path = (OWN if library == "tombola" else share() / "footprints" / f"{library}.pretty") / f"{short}.kicad_mod"
    if not path.exists():
        raise BadBoard(f"there is no footprint {name}; see {path.parent}")
    return path


@cache
def pads(name: str) -> frozenset[str]:
    """Numbers of the pads of a footprint, mechanical ones left out."""
    return frozenset(unquote(entry[1]) for entry in children(read(footprint_path(name)), "pad")) - {""}
