"""Write boards: KiCad's footprints at given places, turned, or flipped to the back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from tombola_hardware.kicad.library import footprint_path
from tombola_hardware.kicad.schematic import identifier
from tombola_hardware.kicad.sexpr import Node, child, children, dump, quote, read, the, unquote

VERSION: Final = "20241229"
LAYERS: Final = (
    (0, "F.Cu", "signal"),
    (4, "In1.Cu", "signal"),
    (6, "In2.Cu", "signal"),
    (2, "B.Cu", "signal"),
    (13, "F.Paste", "user"),
    (15, "B.Paste", "user"),
    (5, "F.SilkS", "user"),
    (7, "B.SilkS", "user"),
    (1, "F.Mask", "user"),
    (3, "B.Mask", "user"),
    (17, "Dwgs.User", "user"),
    (19, "Cmts.User", "user"),
    (25, "Edge.Cuts", "user"),
    (27, "Margin", "user"),
    (31, "F.CrtYd", "user"),
    (29, "B.CrtYd", "user"),
    (35, "F.Fab", "user"),
    (33, "B.Fab", "user"),
)
_PLACES: Final = frozenset({"at", "start", "mid", "end", "center", "xy", "offset"})


@dataclass(frozen=True, slots=True)
class Spot:
    """A footprint on a board.

    Args:
        reference: Of its part.
        value: Of its part.
        footprint: ``Library:Name``.
        nets: Pad to net.
        x_mm: Of its origin.
        y_mm: Of its origin, y down.
        angle: Counter-clockwise, degrees.
        back: Whether it sits on the back.
    """

    reference: str
    value: str
    footprint: str
    nets: Mapping[str, str]
    x_mm: float
    y_mm: float
    angle: int = 0
    back: bool = False

    def local(self, x: float, y: float) -> tuple[float, float]:
        """A point of the footprint on the board."""
        if self.back:
            y = -y
        turn = math.radians(self.angle)
        return (
            self.x_mm + x * math.cos(turn) + y * math.sin(turn),
            self.y_mm - x * math.sin(turn) + y * math.cos(turn),
        )


@cache
def courtyard(footprint: str) -> tuple[float, float, float, float]:
    """Left, upper, right and lower edge of what a footprint needs, around its origin, in mm."""
    xs: list[float] = []
    ys: list[float] = []
    for shape in read(footprint_path(footprint)):
        if not isinstance(shape, list) or "CrtYd" not in dump(child(shape, "layer") or []):
            continue
        for x, y in _points(shape):
            xs.append(x)
            ys.append(y)
        if shape[0] == "fp_circle":
            (cx, cy), (ex, ey) = (tuple(float(unquote(v)) for v in the(shape, name)[1:3]) for name in ("center", "end"))
            radius = math.hypot(ex - cx, ey - cy)
            xs += [cx - radius, cx + radius]
            ys += [cy - radius, cy + radius]
    return min(xs), min(ys), max(xs), max(ys)


def _points(shape: Node) -> list[tuple[float, float]]:
    found = []
    if isinstance(shape, list):
        for entry in shape:
            if isinstance(entry, list):
                if entry and entry[0] in {"start", "mid", "end", "xy"}:
                    found.append((float(unquote(entry[1])), float(unquote(entry[2]))))
                else:
                    found += _points(entry)
    return found


@cache
def through_pads(footprint: str) -> list[tuple[float, float, float]]:
    """Pads that go through: x, y and radius, in mm."""
    found = []
    for pad in children(read(footprint_path(footprint)), "pad"):
        if unquote(pad[2]) in {"thru_hole", "np_thru_hole"}:
            x, y = (float(unquote(value)) for value in the(pad, "at")[1:3])
            found.append((x, y, max(float(unquote(value)) for value in the(pad, "size")[1:3]) / 2))
    return found


@cache
def pad_places(footprint: str) -> dict[str, list[tuple[float, float]]]:
    """Number of each pad to where its pads of that number are."""
    found: dict[str, list[tuple[float, float]]] = {}
    for pad in children(read(footprint_path(footprint)), "pad"):
        x, y = (float(unquote(value)) for value in the(pad, "at")[1:3])
        found.setdefault(unquote(pad[1]), []).append((x, y))
    return found


def net_numbers(spots: list[Spot]) -> dict[str, int]:
    """Number of each net in a board's file."""
    nets = sorted({net for spot in spots for net in spot.nets.values() if net})
    return {net: index + 1 for index, net in enumerate(nets)}


def board(
    name: str, title: str, spots: list[Spot], drawings: list[Node], *, thickness_mm: float = 1.6, mask: str = "Green"
) -> str:
    """A board as a file.

    Args:
        name: For identifiers.
        title: For the title block.
        spots: Footprints.
        drawings: Outline, silk screen and the like.
        thickness_mm: Of the board.
        mask: Its colour.
    """
    numbers = net_numbers(spots)
    tree: list[Node] = [
        "kicad_pcb",
        ["version", VERSION],
        ["generator", quote("tombola_hardware")],
        ["generator_version", quote("9.0")],
        ["general", ["thickness", f"{thickness_mm:g}"], ["legacy_teardrops", "no"]],
        ["paper", quote("A4")],
        ["title_block", ["title", quote(title)], ["comment", "1", quote("CERN-OHL-P-2.0")]],
        ["layers", *[[str(number), quote(layer), kind] for number, layer, kind in LAYERS]],
        ["setup", _stackup(mask), ["pad_to_mask_clearance", "0"], ["allow_soldermask_bridges_in_footprints", "yes"]],
        ["net", "0", '""'],
        *[["net", str(number), quote(net)] for net, number in numbers.items()],
    ]
    tree += [_footprint(name, spot, numbers) for spot in spots]
    return dump([*tree, *drawings]) + "\n"


def _stackup(mask: str) -> list[Node]:
    """Colours, for pictures; what copper and cores are is the fabricator's stock."""
    return [
        "stackup",
        ["layer", quote("F.SilkS"), ["type", quote("Top Silk Screen")], ["color", quote("White")]],
        ["layer", quote("F.Mask"), ["type", quote("Top Solder Mask")], ["color", quote(mask)], ["thickness", "0.01"]],
        [
            "layer",
            quote("B.Mask"),
            ["type", quote("Bottom Solder Mask")],
            ["color", quote(mask)],
            ["thickness", "0.01"],
        ],
        ["copper_finish", quote("ENIG")],
        ["dielectric_constraints", "no"],
    ]


def _footprint(board_name: str, spot: Spot, numbers: Mapping[str, int]) -> list[Node]:
    source = read(footprint_path(spot.footprint))
    node: list[Node] = [
        "footprint",
        quote(spot.footprint),
        ["layer", quote("B.Cu" if spot.back else "F.Cu")],
        ["uuid", identifier(board_name, spot.reference)],
        ["at", f"{spot.x_mm:g}", f"{spot.y_mm:g}", f"{spot.angle:g}"],
    ]
    for index, entry in enumerate(source[2:]):
        if not isinstance(entry, list) or entry[0] in {
            "version",
            "generator",
            "generator_version",
            "layer",
            "uuid",
            "tedit",
            "model",
            "embedded_fonts",
        }:
            continue
        turned = _flipped(entry) if spot.back else entry
        own = _with_identifier(turned, board_name, spot.reference, index)
        if own[0] == "pad":
            node.append(_pad(own, spot, numbers))
        elif own[0] != "property":
            node.append(own)
        elif own[1] in {'"Reference"', '"Value"'}:
            node.append(_property(own, spot))
    return node


def _property(entry: list[Node], spot: Spot) -> list[Node]:
    values = {'"Reference"': spot.reference, '"Value"': spot.value}
    entry = list(entry)
    entry[2] = quote(values.get(str(entry[1]), ""))
    # Names are for whoever solders: on the layer for that, not in the way of the silk screen.
    layer = ["layer", quote("B.Fab" if spot.back else "F.Fab")]
    return [layer if isinstance(inner, list) and inner[0] == "layer" else inner for inner in entry]


def _pad(entry: list[Node], spot: Spot, numbers: Mapping[str, int]) -> list[Node]:
    found: list[Node] = []
    for inner in entry:
        if isinstance(inner, list) and inner[0] == "at":
            own = float(unquote(inner[3])) if len(inner) > 3 else 0.0
            found.append(["at", inner[1], inner[2], f"{(own + spot.angle) % 360:g}"])
        else:
            found.append(inner)
    net = spot.nets.get(unquote(entry[1]), "")
    if net:
        found.append(["net", str(numbers[net]), quote(net)])
    return found


def _with_identifier(entry: list[Node], *names: object) -> list[Node]:
    rest = [inner for inner in entry if not (isinstance(inner, list) and inner[0] in {"uuid", "tstamp"})]
    if entry[0] in {"attr", "descr", "tags"}:
        return rest
    return [*rest, ["uuid", identifier(*names)]]


def _flipped(node: list[Node]) -> list[Node]:
    """The same, seen through the board: top and bottom change places."""
    if node[0] in _PLACES and len(node) > 2:
        y = f"{-float(unquote(node[2])):g}"
        angle = (
            [f"{-float(unquote(node[3])) % 360:g}"]
            if len(node) > 3 and node[0] == "at" and isinstance(node[3], str)
            else node[3:]
        )
        return [node[0], node[1], y, *angle]
    if node[0] == "justify":
        return [inner for inner in node if inner != "mirror"] + ([] if "mirror" in node else ["mirror"])
    if node[0] in {"layer", "layers"}:
        return [node[0], *[_other_side(inner) for inner in node[1:]]]
    found: list[Node] = [_flipped(inner) if isinstance(inner, list) else inner for inner in node]
    if node[0] == "fp_arc":
        # A mirrored arc runs the other way round.
        names = {"start": "end", "end": "start"}
        found = [
            [names.get(str(inner[0]), inner[0]), *inner[1:]] if isinstance(inner, list) and inner else inner
            for inner in found
        ]
    if node[0] == "effects" and child(found, "justify") is None:
        found.append(["justify", "mirror"])
    return found


def _other_side(node: Node) -> Node:
    if isinstance(node, list):
        return node
    return re.sub(r"^(\"?)([FB])\.", lambda match: match[1] + {"F": "B", "B": "F"}[match[2]] + ".", node)


def pour(
    name: str,
    net: str,
    number: int,
    box: tuple[float, float, float, float],
    layers: tuple[str, ...],
    priority: int = 0,
    *,
    solid: bool = False,
) -> list[Node]:
    """Copper of a net wherever nothing else is; KiCad fills it, the highest priority first.

    Pads hang in it by four bridges, which are easy to solder, or lie in it (``solid``), which carries more.
    """
    left, upper, right, lower = box
    corners = ((left, upper), (right, upper), (right, lower), (left, lower))
    return [
        "zone",
        ["net", str(number)],
        ["net_name", quote(net)],
        ["layers", *[quote(layer) for layer in layers]],
        ["uuid", identifier(name, "pour", net, *(["here"] if priority > 1 else []))],
        ["hatch", "edge", "0.5"],
        ["priority", str(priority)],
        ["connect_pads", *(["yes"] if solid else []), ["clearance", "0.2"]],
        ["min_thickness", "0.2"],
        ["fill", "yes", ["thermal_gap", "0.3"], ["thermal_bridge_width", "0.3"]],
        ["polygon", ["pts", *[["xy", f"{x:g}", f"{y:g}"] for x, y in corners]]],
    ]
