"""Write a sheet as KiCad draws it: wires split where they meet, labels where they end, identifiers made of names."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tombola_hardware.errors import BadDrawing
from tombola_hardware.kicad.lettering import Lettering, written
from tombola_hardware.kicad.library import symbol
from tombola_hardware.kicad.naming import TEXT_MM, box_of, named
from tombola_hardware.kicad.sexpr import Node, dump, quote
from tombola_hardware.kicad.wiring import Wiring
from tombola_hardware.model import NC
from tombola_hardware.sheet import RAILS, STEP_MM, Placed, Sheet, Xy

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://tombola.invalid/hardware")
VERSION: Final = "20250114"
"""Of the file format: KiCad 9."""
_ANGLES: Final[dict[Xy, int]] = {(1, 0): 0, (0, -1): 90, (-1, 0): 180, (0, 1): 270}
"""Of a direction on the sheet."""


def identifier(*names: object) -> str:
    """The same for the same names, for ever."""
    return quote(str(uuid.uuid5(NAMESPACE, "/".join(map(str, names)))))


def mm(steps: float) -> str:
    """Steps of the grid as KiCad writes millimetres."""
    return f"{steps * STEP_MM:.4f}".rstrip("0").rstrip(".")


class Writer:
    """One sheet as a file.

    Args:
        sheet: What to write.
        project: Its project's name.
        path: Identifier path of the sheet's instance, ``/root/sheet``.
        shared: Nets that are on other sheets too.
        title: Name, revision and date for the title block.
    """

    def __init__(self, sheet: Sheet, project: str, path: str, shared: set[str], title: Mapping[str, str]) -> None:
        self.sheet, self.project, self.path, self.shared, self.title = sheet, project, path, shared, title
        self.wiring = Wiring(sheet)
        self.power_count = 0
        self.used = {placed.part.kind.symbol for placed in sheet.placed}
        self.labelled: set[Xy] = set()
        self.lettering = Lettering(sheet.name, sheet.paper)

    def text(self) -> str:
        """The file."""
        self._bodies()
        body = [*self._wires(), *self._ends(), *self._pins(), *self._flags(), *self._notes(), *self._pieces()]
        body += [self._symbol(placed) for placed in self.sheet.placed]
        libraries: list[Node] = ["lib_symbols", *[symbol(name).definition for name in sorted(self.used)]]
        head: list[Node] = [
            ["version", VERSION],
            ["generator", quote("tombola_hardware")],
            ["generator_version", quote("9.0")],
            ["uuid", identifier(self.project, self.sheet.name)],
            ["paper", quote(self.sheet.paper)],
            self._title_block(),
            libraries,
        ]
        return dump(["kicad_sch", *head, *body, ["embedded_fonts", "no"]]) + "\n"

    def _title_block(self) -> list[Node]:
        return [
            "title_block",
            ["title", quote(self.sheet.title)],
            ["date", quote(self.title["date"])],
            ["rev", quote(self.title["revision"])],
            ["company", quote(self.title["name"])],
            ["comment", "1", quote("CERN-OHL-P-2.0 · simulated, not yet built")],
        ]

    def _bodies(self) -> None:
        for placed in self.sheet.placed:
            reference = placed.part.reference
            left, top, right, bottom = box = box_of(placed)
            self.lettering.body(reference, box)
            for tip, _ in placed.pins().values():
                inner = (min(max(tip[0], left), right), min(max(tip[1], top), bottom))
                self.lettering.line(tip, inner, reference)
                # Its number stands above it, or to its left.
                level = tip[1] == inner[1]
                low, high = sorted((tip, inner))
                self.lettering.body(
                    reference, (low[0] - 0.7 * (not level), low[1] - 0.7 * level, high[0] + 0.1, high[1] + 0.1)
                )

    def _wires(self) -> Iterator[list[Node]]:
        for start, end in self.wiring.segments:
            self.lettering.line(start, end)
            yield ["wire", ["pts", _xy("xy", start), _xy("xy", end)], _stroke(), ["uuid", self._id("wire", start, end)]]
        for point in self.wiring.junctions():
            yield [
                "junction",
                _xy("at", point),
                ["diameter", "0"],
                ["color", "0", "0", "0", "0"],
                ["uuid", self._id("dot", point)],
            ]

    def _ends(self) -> Iterator[list[Node]]:
        for tip, out in self.wiring.free_ends():
            yield from self._end(tip, out, self.wiring.nets[self.wiring.group(tip)])

    def _pins(self) -> Iterator[list[Node]]:
        for tip, pins in sorted(self.wiring.pins.items()):
            if self.wiring.ends[tip]:
                continue
            _, _, net, out = pins[0]
            if net == NC:
                yield ["no_connect", _xy("at", tip), ["uuid", self._id("nc", tip)]]
            elif len({placed.part.reference for placed, *_ in pins}) > 1:
                continue
            elif net in RAILS and out[1]:
                yield from self._end(tip, out, net)
            else:
                far = (tip[0] + out[0], tip[1] + out[1])
                yield ["wire", ["pts", _xy("xy", tip), _xy("xy", far)], _stroke(), ["uuid", self._id("wire", tip, far)]]
                self.lettering.line(tip, far, pins[0][0].part.reference)
                yield from self._end(far, out, net)
            self.labelled.add(self.wiring.group(tip))

    def _end(self, tip: Xy, out: Xy, net: str) -> Iterator[list[Node]]:
        self.labelled.add(self.wiring.group(tip))
        if net in RAILS:
            yield self._power(tip, out, net)
            return
        angle = _ANGLES[out]
        kind = "global_label" if net in self.shared else "label"
        node: list[Node] = [kind, quote(net)]
        if kind == "global_label":
            node.append(["shape", "passive"])
        side = "left" if angle in {0, 90} else "right"
        justify: list[Node] = ["justify", side] if kind == "global_label" else ["justify", side, "bottom"]
        effects = ["effects", _font(TEXT_MM), justify]
        self._label_box(net, tip, angle, bordered=kind == "global_label")
        yield [*node, _xy("at", tip, angle), effects, ["uuid", self._id("label", tip, net)]]

    def _label_box(self, net: str, tip: Xy, angle: int, *, bordered: bool) -> None:
        upright, side = angle in {90, 270}, "left" if angle in {0, 90} else "right"
        # A border begins at the tip and is as high as a line; other labels stand on their wire.
        gap = 0.6 if bordered else 0.1
        sign = 1 if side == "left" else -1
        along = (tip[0], tip[1] - sign * gap) if upright else (tip[0] + sign * gap, tip[1])
        if not bordered:
            along = (along[0] - 0.4, along[1]) if upright else (along[0], along[1] - 0.4)
        left, top, right, bottom = box = written(net, along, TEXT_MM, side, upright=upright)
        self.lettering.text(f"the label {net}", box, of=f"{tip}")
        if bordered:
            border = (left - 0.25, top - 0.25, right + 0.25, bottom + 0.25)
            self.lettering.body(f"{tip}", border)

    def _power(self, tip: Xy, out: Xy, net: str) -> list[Node]:
        self.power_count += 1
        name = f"power:{net}"
        self.used.add(name)
        # It points where the wire does: KiCad draws a rail upwards and a ground downwards.
        turns = (_ANGLES[out] - 90) % 360
        angle = (turns + 180) % 360 if net == "GND" else turns
        away = 1.6 if out[1] else 1.4 + len(net) * 0.32
        at = (tip[0] + away * out[0], tip[1] + away * out[1])
        self.lettering.text(f"the supply {net}", written(net, at, TEXT_MM), of=f"{tip}")
        near, far = (tip[0] + 0.1 * out[0], tip[1] + 0.1 * out[1]), (tip[0] + out[0], tip[1] + out[1])
        x, y = 0.4 * abs(out[1]), 0.4 * abs(out[0])
        left, right = sorted((near[0], far[0]))
        top, bottom = sorted((near[1], far[1]))
        self.lettering.body(f"{tip}", (left - x, top - y, right + x, bottom + y))
        return self._instance(
            name,
            f"#PWR{self.sheet.number:02d}{self.power_count:02d}",
            net,
            tip,
            angle,
            "",
            ["1"],
            reference_at=tip,
            value_at=at,
            hide_reference=True,
            key=("power", tip, net),
        )

    def _flags(self) -> Iterator[list[Node]]:
        for index, point in enumerate(self.sheet.flags):
            self.used.add("power:PWR_FLAG")
            at = self.sheet.pin(point) if isinstance(point, str) else point
            if self.wiring.group(at) not in self.wiring.nets:
                raise BadDrawing(
                    f"the power flag at {at} on the sheet {self.sheet.name} is on no wire; move it onto one"
                )
            yield self._instance(
                "power:PWR_FLAG",
                f"#FLG{self.sheet.number:02d}{index + 1:02d}",
                "PWR_FLAG",
                at,
                0,
                "",
                ["1"],
                reference_at=at,
                value_at=at,
                hide_reference=True,
                hide_value=True,
                key=("flag", at),
            )

    def _notes(self) -> Iterator[list[Node]]:
        for text, at, size in self.sheet.notes:
            above = (at[0], at[1] - size / STEP_MM / 2)
            self.lettering.text(f"the note {text[:20]!r}", written(text, above, size * 0.88, "left"))
            yield [
                "text",
                quote(text),
                ["exclude_from_sim", "no"],
                _xy("at", at, 0),
                ["effects", _font(size), ["justify", "left", "bottom"]],
                ["uuid", self._id("note", at)],
            ]

    def _symbol(self, placed: Placed) -> list[Node]:
        part = placed.part
        reference_at, value_at, justify = named(self.lettering, placed)
        fields = [("Footprint", part.kind.footprint), ("Maker", part.kind.maker), ("Number", part.kind.number)]
        return self._instance(
            part.kind.symbol,
            part.reference,
            part.kind.value,
            placed.at,
            placed.angle,
            placed.mirror,
            list(placed.pins()),
            reference_at=reference_at,
            value_at=value_at,
            unit=placed.unit,
            fields=fields,
            key=(part.reference, placed.unit),
            justify=justify,
        )

    def _instance(  # noqa: PLR0913
        self,
        name: str,
        reference: str,
        value: str,
        at: Xy,
        angle: int,
        mirror: str,
        pins: Iterable[str],
        *,
        reference_at: Xy,
        value_at: Xy,
        key: tuple[object, ...],
        unit: int = 1,
        fields: Iterable[tuple[str, str]] = (),
        hide_reference: bool = False,
        hide_value: bool = False,
        justify: str = "",
    ) -> list[Node]:
        node: list[Node] = ["symbol", ["lib_id", quote(name)], _xy("at", at, angle)]
        if mirror:
            node.append(["mirror", mirror])
        node += [
            ["unit", str(unit)],
            ["exclude_from_sim", "no"],
            ["in_bom", "yes"],
            ["on_board", "yes"],
            ["dnp", "no"],
            ["uuid", self._id("symbol", *key)],
        ]
        turned = 90 if angle in {90, 270} else 0
        # A field turns with its symbol, and so does the side that it starts from.
        if justify and (mirror == "y") != (angle == 180):
            justify = {"left": "right", "right": "left"}[justify]
        node.append(_property("Reference", reference, reference_at, turned, hide=hide_reference, justify=justify))
        node.append(_property("Value", value, value_at, turned, hide=hide_value, justify=justify))
        node += [_property(field, text, at, 0, hide=True) for field, text in fields]
        node += [["pin", quote(pin), ["uuid", self._id("pin", *key, pin)]] for pin in pins]
        instance = ["path", quote(self.path), ["reference", quote(reference)], ["unit", str(unit)]]
        node.append(["instances", ["project", quote(self.project), instance]])
        return node

    def _pieces(self) -> Iterator[list[Node]]:
        """A net in pieces needs a name at each: where none ends freely, it stands upright on the longest level wire.

        Raises:
            BadDrawing: There is no level wire.
        """
        pieces: dict[str, set[Xy]] = defaultdict(set)
        for group, net in self.wiring.nets.items():
            if net != NC:
                pieces[net].add(group)
        for net, groups in sorted(pieces.items()):
            if not (net in self.shared or net in RAILS or len(groups) > 1):
                continue
            for group in sorted(groups - self.labelled):
                level = [
                    (end[0] - start[0], start)
                    for start, end in self.wiring.segments
                    if self.wiring.group(start) == group and start[1] == end[1]
                ]
                if not level:
                    raise BadDrawing(f"{net} has no name at {group} on the sheet {self.sheet.name}; end a wire there")
                length, start = max(level)
                yield from self._end((start[0] + int(length / 2 + 0.5), start[1]), (0, -1), net)

    def _id(self, *names: object) -> str:
        return identifier(self.project, self.sheet.name, *names)


def _xy(name: str, point: Xy, *more: float) -> list[Node]:
    return [name, mm(point[0]), mm(point[1]), *(f"{value:g}" for value in more)]


def _stroke() -> list[Node]:
    return ["stroke", ["width", "0"], ["type", "default"]]


def _font(size_mm: float) -> list[Node]:
    return ["font", ["size", f"{size_mm:g}", f"{size_mm:g}"]]


def _property(name: str, value: str, at: Xy, angle: int, *, hide: bool = False, justify: str = "") -> list[Node]:
    effects: list[Node] = ["effects", _font(TEXT_MM)]
    if justify:
        effects.append(["justify", justify])
    if hide:
        effects.append(["hide", "yes"])
    return ["property", quote(name), quote(value), _xy("at", at, angle), effects]
