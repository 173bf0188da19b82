"""The content of a report as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import ShapeError

from tombola_host.cost.bench import BenchReport

Float64Array = npt.NDArray[np.float64]
Cell = str | int | float | None
"""None: not measured."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Something to hear and see.

    Args:
        title: "recording", "ticket", "merged" …
        audio: 48 kHz. Shape (T,), full scale ±1.0.
        remark: One line under it.
    """

    title: str
    audio: Float32Array
    remark: str = ""


@dataclass(frozen=True, slots=True)
class ModeSounds:
    """One mode and versions of the same note side by side.

    Args:
        name: Of the mode.
        color: ``#rrggbb``.
        sounds: The first is the recording, the last is what the instrument makes of it.
        licence: Of its recordings.
        phrase: The built-in melody. Shape (T,), full scale ±1.0.
    """

    name: str
    color: str
    sounds: tuple[Sound, ...]
    licence: str = ""
    phrase: Float32Array | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A line in a plot.

    Args:
        name: In the legend.
        x: Shape (N,).
        y: Shape (N,).
        color: ``#rrggbb``; empty: one is chosen.
        spread: Standard errors of y, shape (N,); NaN or empty: none is drawn.
        published: From a paper, not measured here: dashed.
    """

    name: str
    x: Float64Array | Sequence[float]
    y: Float64Array | Sequence[float]
    color: str = ""
    spread: Sequence[float] = ()
    published: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves over one pair of axes.

    Args:
        x_names: Names of the places 0, 1, … on the x axis: the curves are points without lines then.
        marks: Places on the x axis, and what they are.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    log_x: bool = False
    log_y: bool = False
    caption: str = ""
    x_names: tuple[str, ...] = ()
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in rows.

    Args:
        columns: Headings; the first column names the rows.
        rows: As long as the columns each.
        caption: Under it: what, how, on which notes and seeds.
        lower_is_better: Columns whose lowest figure is marked.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    lower_is_better: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ShapeError(f"a row of the table {self.columns} is not as long as its headings; mend the caller")


@dataclass(frozen=True, slots=True)
class BlendSweep:
    """Held notes while the blend moves.

    Args:
        time_s: When the weights stood so. Shape (F,), s.
        weights: Shape (F, M), each row sums to 1.
        audio: 48 kHz. Shape (T,).
        caption: What is played.
    """

    time_s: Float64Array
    weights: Float64Array
    audio: Float32Array
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure to reach and the one measured; ``met`` None: not measured here."""

    what: str
    bar: str
    measured: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that the page shows; what is empty or None is left out.

    Args:
        title: Of the page.
        summary: One or two sentences under it.
        facts: Large figures below the players: what → figure.
        sweep: What is heard first.
        modes: In the order of the blend vector.
        judged: The instrument against the recordings.
        method: How the network was made, and whether a ticket is in it.
        lottery: The small lottery beside the build: dense network, tickets, from scratch.
        comparison: The four-way table: isolated tickets, joint small network, mixture, merged.
        plots: Loss and density curves.
        bench: The cost table.
        goals: Figures to reach.
        provenance: Hashes, seeds, settings, versions.
        remarks: What was left out or replaced, one sentence each; they stand at the end.
    """

    title: str
    summary: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    sweep: BlendSweep | None = None
    modes: tuple[ModeSounds, ...] = ()
    judged: tuple[Table, ...] = ()
    method: str = ""
    lottery: Table | None = None
    comparison: Table | None = None
    plots: tuple[Plot, ...] = ()
    bench: BenchReport | None = None
    goals: tuple[Goal, ...] = ()
    provenance: Mapping[str, Cell] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
