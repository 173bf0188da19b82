"""The plots of a study: error by density beside the published figures, rows at one density, and error by cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tombola_host.cost.complexity import BOARDS
from tombola_host.report.data import Curve, Plot
from tombola_host.report.pictures import PALETTE
from tombola_host.study.laboratory.costs import Cost, Place
from tombola_host.study.laboratory.figures import Line
from tombola_host.study.laboratory.plan import NO_LOTTERY, Study

MOST_CURVES = 12
GREY = "#808080"
PUBLISHED = (
    Curve("published: trimmed", [1.0, 5.0, 20.0], [1.2, 1.0, 0.912], GREY, published=True),
    Curve("published: masked", [23.9], [0.893], "#303030", published=True),
)
"""Test error / that of the large network: units removed by information, globally; single weights set to zero.

Source: figures in the text of Esling et al. 2020, "Diet deep generative audio models with structured lottery".
"""
MARK_SPAN = 10.0
"""Boards within this factor of what the networks need are marked."""


def study_plots(study: Study, lines: Sequence[Line], costs: Mapping[Place, Cost]) -> tuple[Plot, ...]:
    """What each family has enough cells for."""
    plots = []
    for family in study.families:
        own = [line for line in lines if line.family == family]
        name = study.name if len(study.families) == 1 else f"{study.name}, {family}"
        plots += [plot for plot in (_by_density(name, own), _by_row(name, own), _by_cost(name, own, costs)) if plot]
    return tuple(plots)


def _by_density(name: str, lines: Sequence[Line]) -> Plot | None:
    """Error of each row over what is left, where there are several densities."""
    if len(_densities(lines)) < 2:
        return None
    colors = _colors(lines)
    curves = [
        Curve(
            row,
            [100 * each.density for each in points],
            [each.multiplier for each in points],
            colors[row],
            [each.spread for each in points],
        )
        for row, points in _rows(lines).items()
    ]
    caption = "Dashed: published, of large networks of other families and another measure."
    return Plot(
        f"{name}: error by density",
        "parameters left, %",
        "error / dense",
        (*curves[:MOST_CURVES], *PUBLISHED),
        log_x=True,
        caption=caption,
    )


def _by_row(name: str, lines: Sequence[Line]) -> Plot | None:
    """The rows of a study of one density, best first."""
    own = sorted((line for line in lines if line.row != NO_LOTTERY), key=lambda line: line.multiplier)
    if len(_densities(lines)) != 1:
        return None
    density = own[0].density
    curve = Curve("", range(len(own)), [each.multiplier for each in own], "", [each.spread for each in own])
    return Plot(
        f"{name}: rows at {100 * density:g} % left",
        "",
        "error / dense",
        (curve,),
        x_names=tuple(each.row for each in own),
    )


def _by_cost(name: str, lines: Sequence[Line], costs: Mapping[Place, Cost]) -> Plot | None:
    """Error over operations for a second of sound, and what boards can do."""
    curves, needed, colors = [], [], _colors(lines)
    for row, points in _rows(lines).items():
        counted = [(cost.needs.flops / 1e6, each) for each in points if (cost := _cost(costs, each)) and cost.needs]
        needed += [mflops for mflops, _ in counted]
        spreads = [each.spread for _, each in counted]
        curves.append(
            Curve(row, [m for m, _ in counted], [each.multiplier for _, each in counted], colors[row], spreads)
        )
    if not needed or len(_densities(lines)) < 2:
        return None
    near = min(needed) / MARK_SPAN, max(needed) * MARK_SPAN
    marks = tuple((board.flops / 1e6, board.name) for board in BOARDS if near[0] <= board.flops / 1e6 <= near[1])
    return Plot(
        f"{name}: error by cost",
        "million floating-point operations for a second of sound",
        "error / dense",
        tuple(curves[:MOST_CURVES]),
        log_x=True,
        caption="Lines: what one core of a board could do at most.",
        marks=marks,
    )


def _densities(lines: Sequence[Line]) -> set[float]:
    return {line.density for line in lines if line.row != NO_LOTTERY}


def _colors(lines: Sequence[Line]) -> dict[str, str]:
    """A row has one colour in all plots of a study."""
    return {row: PALETTE[number % len(PALETTE)] for number, row in enumerate(sorted(_rows(lines)))}


def _rows(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """The lines of each row but the dense network's, sparsest first."""
    found: dict[str, list[Line]] = {}
    for line in sorted(lines, key=lambda line: line.density):
        if line.row != NO_LOTTERY:
            found.setdefault(line.row, []).append(line)
    return found


def _cost(costs: Mapping[Place, Cost], line: Line) -> Cost | None:
    return costs.get((line.family, line.row, line.density))
