"""What is laid on a board as data: kept in a file, because finding it takes minutes, and drawn from there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tombola_hardware.kicad.schematic import identifier
from tombola_hardware.kicad.sexpr import Node, quote
from tombola_hardware.routing.laid import COPPER, TRACK_MM, VIA_DRILL_MM, VIA_MM, Laid, Track

if TYPE_CHECKING:
    from tombola_hardware.routing.router import Router

FOLDER: Final = Path(__file__).parents[2] / "routes"


def laid(router: Router) -> dict[str, Laid]:
    """Name of each net to what the router laid, straight runs in one piece."""
    grid = router.grid
    plane = grid.rows * grid.columns
    found = dict(grid.given)
    for net, route in sorted(router.routes.items(), key=lambda pair: grid.nets[pair[0]]):
        tracks: set[Track] = set()
        for way in route.ways:
            places = [(node // plane, *divmod(node % plane, grid.columns)) for node in way]
            start = 0
            for index in range(1, len(places)):
                last = index + 1 == len(places)
                if last or not _straight(places[start], places[index], places[index + 1]):
                    tracks |= set(_track(grid.place(*places[start][1:]), grid.place(*places[index][1:]),
                                         places[start][0], places[index][0]))  # fmt: skip
                    start = index
            for end in (way[0], way[-1]):
                if end in grid.escapes:
                    row, column = divmod(end % plane, grid.columns)
                    tracks.add((COPPER[end // plane], *grid.escapes[end], *grid.place(row, column)))
        vias = tuple(sorted(grid.place(row, column) for row, column in route.vias))
        found[grid.nets[net]] = Laid(tuple(sorted(tracks)), vias)
    return dict(sorted(found.items()))


def _straight(start: tuple[int, int, int], here: tuple[int, int, int], after: tuple[int, int, int]) -> bool:
    if start[0] != here[0] or here[0] != after[0]:
        return False
    same_row, same_column = start[1] == here[1] == after[1], start[2] == here[2] == after[2]
    return same_row or same_column


def _track(start: tuple[float, float], end: tuple[float, float], layer: int, other: int) -> Iterator[Track]:
    if layer == other and start != end:
        first, second = sorted((start, end))
        yield COPPER[layer], *first, *second


def save(name: str, nets: Mapping[str, Laid], folder: Path = FOLDER) -> Path:
    """Write what is laid on a board: one line a net."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f" {json.dumps(net)}: {json.dumps({'tracks': found.tracks, 'vias': found.vias})}" for net, found in nets.items()
    ]
    path = folder / f"{name}.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    return path


def load(name: str, folder: Path = FOLDER) -> dict[str, Laid]:
    """Read what is laid on a board; nothing where it was never routed."""
    path = folder / f"{name}.json"
    if not path.exists():
        return {}
    return {
        net: Laid(tuple(tuple(track) for track in found["tracks"]), tuple(tuple(via) for via in found["vias"]))
        for net, found in json.loads(path.read_text("utf-8")).items()
    }


def drawn(
    board: str,
    nets: Mapping[str, Laid],
    numbers: Mapping[str, int],
    widths: Mapping[tuple[str, Track], float] | None = None,
) -> Iterator[list[Node]]:
    """Tracks and vias as KiCad's files have them; tracks without a width of their own are 0.2 mm wide."""
    for net, found in nets.items():
        for track in found.tracks:
            layer, x0, y0, x1, y1 = track
            width = (widths or {}).get((net, track), TRACK_MM)
            yield [
                "segment",
                ["start", f"{x0:g}", f"{y0:g}"],
                ["end", f"{x1:g}", f"{y1:g}"],
                ["width", f"{width:g}"],
                ["layer", quote(layer)],
                ["net", str(numbers[net])],
                ["uuid", identifier(board, "track", net, layer, x0, y0, x1, y1)],
            ]
        for x, y in found.vias:
            yield [
                "via",
                ["at", f"{x:g}", f"{y:g}"],
                ["size", f"{VIA_MM:g}"],
                ["drill", f"{VIA_DRILL_MM:g}"],
                ["layers", quote("F.Cu"), quote("B.Cu")],
                ["net", str(numbers[net])],
                ["uuid", identifier(board, "via", net, x, y)],
            ]
