"""The plan of a build: its parts, their durations, and the checks that come before them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tombola_device.contract.controls import MAX_MODES
from tombola_device.contract.errors import BadConfig

from tombola_host.corpus.folders import check_name
from tombola_host.progress import Part
from tombola_host.training.effort import Effort, Length

# Seconds on a machine with two idle cores, from the demo at effort quick: 16 s for 24 steps of the dense network, 15 s
# for a ticket, 55 s for a merge. Only their ratios matter: the remaining time is corrected during the work.
FILE_S = 0.4
DENSE_STEP_S, CONTROL_WINDOW_S, AUDIO_WINDOW_S, ROUND_STEP_S = 0.65, 0.0015, 0.009, 0.1
COMPARE_NOTE_S, COMPARE_S = 0.5, 10.0
PACK_S = 4.0
TRY_S = 25.0


def listening_to(mode: str) -> str:
    """Title of the part that analyses a mode's recordings."""
    return f"listening to {mode}"


def learning(mode: str) -> str:
    """Title of the part that trains a mode's dense network."""
    return f"learning {mode}"


def condensing(mode: str) -> str:
    """Title of the part that draws and trains a mode's ticket."""
    return f"condensing {mode}"


JOINING = "joining the voices"
LEARNING_ALL = "learning all at once"
JOINING_TO_COMPARE = "learning another way, to compare"
TRYING = "trying a lottery"
COMPARING = "comparing"
PACKING = "packing the instrument"


def check_build(name: str, folders: Mapping[str, Path]) -> None:
    """Refuse names and numbers of modes with which a build would fail only at its end.

    Args:
        name: Of the bundle.
        folders: Mode name → folder.

    Raises:
        BadConfig: There are no modes or too many, or a bundle cannot store a name.
    """
    if not 1 <= len(folders) <= MAX_MODES:
        raise BadConfig(
            f"{len(folders)} modes were given; a bundle has 1 to {MAX_MODES}, so give that many NAME=FOLDER"
        )
    for kind, word in (("bundle", name), *(("mode", mode) for mode in folders)):
        check_name(kind, word)


def build_parts(
    folders: Mapping[str, Path],
    effort: Effort,
    workers: int | None,
    *,
    compare: bool,
    tickets: bool = True,
    until: str = "bundle",
) -> tuple[Part, ...]:
    """The parts of a build, in their order.

    Args:
        folders: Mode name → folder.
        effort: Lengths of the trainings.
        workers: Number of processes; one per core by default.
        compare: Whether other networks are trained and measured.
        tickets: Whether the network is made from tickets.
        until: ``train``, ``ticket``, ``merge`` or ``bundle``: the last stage.
    """
    side_by_side = min(workers or os.cpu_count() or 1, len(folders))
    dense_s = effort.dense.control_steps * DENSE_STEP_S
    ticket_s = len(effort.shares) * effort.dense.control_steps * ROUND_STEP_S + _seconds(effort.ticket)
    files = {mode: count_recordings(folder) for mode, folder in folders.items()}
    parts = [Part(listening_to(mode), 1.0 + FILE_S * files[mode]) for mode in folders]
    if tickets or compare:
        parts += [Part(learning(mode), dense_s / side_by_side) for mode in folders]
        if until == "train":
            return tuple(parts)
        parts += [Part(condensing(mode), ticket_s / side_by_side) for mode in folders]
        if until == "ticket":
            return tuple(parts)
    side_by_side = min(workers or os.cpu_count() or 1, 2 + compare)
    made = Part(JOINING, _seconds(effort.merge)) if tickets else Part(LEARNING_ALL, _seconds(effort.scratch))
    beside = [Part(JOINING_TO_COMPARE, _seconds(effort.merge) / side_by_side)] if compare else []
    if until == "merge":
        return (*parts, made)
    parts += [made, *beside, Part(TRYING, TRY_S / side_by_side)]
    if compare:
        parts.append(Part(COMPARING, COMPARE_S + COMPARE_NOTE_S * sum(files.values())))
    return (*parts, Part(PACKING, PACK_S))


def count_recordings(folder: Path) -> int:
    """Number of sound files in a folder and its subfolders, by their endings."""
    from tombola_host.corpus.files import AUDIO_SUFFIXES

    return sum(path.suffix.lower() in AUDIO_SUFFIXES for path in folder.rglob("*"))


def _seconds(length: Length) -> float:
    control_s = length.control_steps * length.control_windows * CONTROL_WINDOW_S
    return control_s + length.audio_steps * length.audio_windows * AUDIO_WINDOW_S
