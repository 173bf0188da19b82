"""What a player returns to: blends, timbres and scenes, by how long they sounded. Only on this instrument, if asked to.

    every SHOWN_S, while a key is held ──► seconds of a small cell of settings ──► a file, every KEEP_S
                                              │
          suggest, random scenes, morph ◄─────┘

It keeps no notes and no times of day. ``tombolad habits`` shows the file and erases it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import MAX_MODES, MOST_LIFE
from tombola_device.contract.errors import StoreError, TombolaError
from tombola_device.disk.errands import Complaint, Errands
from tombola_device.disk.files import Files
from tombola_device.disk.sealed import SealedFile
from tombola_device.play.player import Player
from tombola_device.surface.pace import STRETCHES, paced

HABITS_FILE: Final = "habits.json"
EIGHTHS: Final = 8
"""Weights and timbre are counted in eighths, life in quarters of its range."""
LIVES: Final = 4
MOST_CELLS: Final = 200
FULL_S: Final = 36_000.0
"""After ten hours all counts are halved: what was liked last year counts less than what is liked now."""
LEAST_S: Final = 1.0
KEEP_S: Final = 60.0
LONGEST_STEP_S: Final = 0.5
ENOUGH_S: Final = 60.0
"""From so much play on there is something to suggest."""
CHOSEN_S: Final = 5.0
"""A scene that is recalled counts as if its setting had sounded so long."""
LEAN: Final = 0.7
"""Share of random scenes that are drawn near habits; the others come from anywhere."""
BOLD: Final = 0.08
SHY: Final = 0.03
"""How far a suggestion, and a random scene, go from a habit: standard deviation of a weight or a timbre."""
TRIED: Final = 24
NEW: Final = 0.25
"""A suggestion is at least so far from what is set now and from the last ones, if that can be."""

Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Key: TypeAlias = tuple[tuple[tuple[str, int], ...], int, int, int]
"""Eighths of each mode, of timbre X and Y, and fourths of the life."""


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings that are much alike, and how long they sounded."""

    blend: Annotated[dict[str, Share], Meta(max_length=MAX_MODES)]
    timbre: tuple[Share, Share]
    life: Annotated[float, Meta(ge=0, le=MOST_LIFE)]
    seconds: Seconds


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file.

    Args:
        cells: The most visited first.
        scenes: How often the scene at each place was recalled; places from 1.
    """

    cells: Annotated[list[Cell], Meta(max_length=MOST_CELLS)] = []
    scenes: dict[int, int] = {}
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class Idea:
    """A setting to try. ``blend``: one weight per mode of the bundle."""

    blend: tuple[float, ...]
    timbre: tuple[float, float]
    life: float

    def distance(self, other: Idea) -> float:
        """0: the same; a whole turn of one knob: 1."""
        blend = sum(abs(a - b) for a, b in zip(self.blend, other.blend, strict=True)) / 2
        timbre = sum(abs(a - b) for a, b in zip(self.timbre, other.timbre, strict=True))
        return blend + timbre + abs(self.life - other.life) / MOST_LIFE


class Habits:
    """Counts, keeps and uses what a player returns to.

    Args:
        player: Whose settings are counted.
        files: The disk.
        folder: Where the file lies.
        errands: Writes it.
        rng: Draws suggestions.
    """

    def __init__(
        self, player: Player, files: Files, folder: Path, errands: Errands, rng: random.Random | None = None
    ) -> None:
        self._player, self._files, self._path, self._errands = player, files, folder / HABITS_FILE, errands
        self._rng = rng or random.Random()
        self._file = SealedFile(files, self._path, Kept)
        self._complaint = Complaint()
        self.learns = False
        self._cells: dict[Key, float] = {}
        self._scenes: dict[int, int] = {}
        self._total_s = 0.0
        self._load(self._file.read() or Kept())
        self._then_s = self._kept_s = 0.0
        self._changed = False
        self._last: list[Idea] = []

    # Counting

    def tick(self, modes: Sequence[str], now_s: float) -> None:
        """Count the time since the last call, if a key is held. Does not wait."""
        passed_s, self._then_s = min(max(now_s - self._then_s, 0.0), LONGEST_STEP_S), now_s
        if not self.learns:
            return
        if modes and self._player.held:
            self._count(self.now(), modes, passed_s)
        if self._changed and now_s - self._kept_s >= KEEP_S:
            self._kept_s = now_s
            self._keep()

    def recalled(self, place: int, modes: Sequence[str]) -> None:
        """A scene was recalled; it holds now."""
        if self.learns and modes:
            self._scenes[place + 1] = self._scenes.get(place + 1, 0) + 1
            self._count(self.now(), modes, CHOSEN_S)

    def forget(self) -> str:
        """Erase all, and the file. Gives a notice; empty: it comes."""
        self._cells, self._scenes, self._last = {}, {}, []
        self._total_s, self._changed = 0.0, False
        self._errands.send(partial(erase, self._files, self._path), lambda _: "what was learned is erased")
        return ""

    @property
    def kept(self) -> Kept:
        """What is counted now, as it stands in the file."""
        found = sorted(self._cells.items(), key=lambda item: -item[1])
        return Kept([_cell(key, round(seconds, 1)) for key, seconds in found], dict(self._scenes))

    # Using

    def now(self) -> Idea:
        """What is set by hand now."""
        return Idea(tuple(self._player.hand_blend.tolist()), self._player.timbre, self._player.life)

    def suggest(self, modes: Sequence[str]) -> Idea | None:
        """A setting near what the player returns to, but not near what is set now; None: too little is known."""
        known = self._known(modes)
        if sum(seconds for _, seconds in known) < ENOUGH_S:
            return None
        tried = [self._near(known, BOLD) for _ in range(TRIED)]
        past = [self.now(), *self._last]
        fresh = [idea for idea in tried if min(idea.distance(each) for each in past) >= NEW]
        chosen = fresh[0] if fresh else max(tried, key=lambda idea: min(idea.distance(each) for each in past))
        self._last = [*self._last, chosen][-3:]
        return chosen

    def random(self, modes: Sequence[str]) -> Idea:
        """A setting at random; if habits are learned, mostly near them."""
        known = self._known(modes)
        if self.learns and sum(seconds for _, seconds in known) >= ENOUGH_S and self._rng.random() < LEAN:
            return self._near(known, SHY)
        drawn = [self._rng.expovariate(1.0) for _ in modes]
        return Idea(
            tuple(weight / sum(drawn) for weight in drawn),
            (self._rng.random(), self._rng.random()),
            self._rng.random() * MOST_LIFE,
        )

    def moved(self, place: float, amount: float, modes: Sequence[str]) -> float:
        """Where a turn of the morph leads: more slowly through places that the player returns to.

        Args:
            place: On the way through the modes, 0 … 1.
            amount: Share of the way, -1 … 1. From end to end it is as far as without habits.
            modes: Of the bundle.
        """
        if not self.learns:
            return place + amount
        return paced(self._visits(modes), place, amount)

    # Inside

    def _count(self, idea: Idea, modes: Sequence[str], seconds: float) -> None:
        key = _key(idea, modes)
        self._cells[key] = self._cells.get(key, 0.0) + seconds
        self._total_s += seconds
        self._changed = True
        if len(self._cells) > MOST_CELLS:
            self._total_s -= self._cells.pop(min((e for e in self._cells if e != key), key=self._cells.__getitem__))
        if self._total_s > FULL_S:
            self._cells = {each: held / 2 for each, held in self._cells.items() if held / 2 >= LEAST_S}
            self._total_s = sum(self._cells.values())

    def _known(self, modes: Sequence[str]) -> list[tuple[Idea, float]]:
        """The cells that a bundle of these modes can play."""
        known = []
        for (blend, x, y, life), seconds in self._cells.items():
            eighths: Mapping[str, int] = dict(blend)
            if eighths and eighths.keys() <= set(modes):
                whole = sum(eighths.values())
                weights = tuple(eighths.get(mode, 0) / whole for mode in modes)
                known.append((Idea(weights, (x / EIGHTHS, y / EIGHTHS), life * MOST_LIFE / LIVES), seconds))
        return known

    def _near(self, known: Sequence[tuple[Idea, float]], spread: float) -> Idea:
        """A setting around one of the known ones, drawn by how long it sounded."""
        (idea,) = self._rng.choices([idea for idea, _ in known], [seconds for _, seconds in known])
        # A mode that did not sound stays silent, or each idea would be a mixture of everything.
        moved = [max(weight + self._rng.gauss(0, spread), 0.0) if weight else 0.0 for weight in idea.blend]
        blend = tuple(weight / sum(moved) for weight in moved) if any(moved) else idea.blend
        x, y = (_inside(value + self._rng.gauss(0, spread), 1.0) for value in idea.timbre)
        return Idea(blend, (x, y), _inside(idea.life + self._rng.gauss(0, spread * MOST_LIFE), MOST_LIFE))

    def _visits(self, modes: Sequence[str]) -> list[float]:
        """Seconds at each stretch of the way through the modes."""
        visits = [0.0] * STRETCHES
        for idea, seconds in self._known(modes):
            place = sum(mode * weight for mode, weight in enumerate(idea.blend)) / max(len(modes) - 1, 1)
            visits[min(int(place * STRETCHES), STRETCHES - 1)] += seconds
        return visits

    def _load(self, kept: Kept) -> None:
        for cell in kept.cells:
            modes = tuple(cell.blend)
            self._cells[_key(Idea(tuple(cell.blend.values()), cell.timbre, cell.life), modes)] = cell.seconds
        self._scenes = dict(kept.scenes)
        self._total_s = sum(self._cells.values())

    def _keep(self) -> None:
        self._changed = False

        def failed(error: TombolaError) -> str:
            self._changed = True
            return self._complaint.failed(error)

        self._errands.send(partial(_write, self._file, self.kept), self._kept_well, failed)

    def _kept_well(self, _: object) -> str:
        self._complaint.worked()
        return ""


def words_of(idea: Idea, modes: Sequence[str]) -> str:
    """An idea in a line of a display."""
    heard = sorted(
        ((weight, mode) for weight, mode in zip(idea.blend, modes, strict=True) if weight >= 0.05), reverse=True
    )
    blend = "+".join(f"{mode} {100 * weight:.0f}" for weight, mode in heard)
    return f"{blend} X {idea.timbre[0]:.1f} Y {idea.timbre[1]:.1f}"


def lines_of(kept: Kept) -> list[str]:
    """What is kept, in lines to read."""
    lines = []
    for cell in kept.cells:
        blend = " + ".join(f"{name} {100 * weight:.0f} %" for name, weight in cell.blend.items())
        x, y = cell.timbre
        lines.append(f"{cell.seconds / 60:7.1f} min  {blend}, X {x:.2f}, Y {y:.2f}, life {100 * cell.life:.0f} %")
    lines += [f"{count:7} times scene {place}" for place, count in sorted(kept.scenes.items())]
    return lines or ["nothing is learned; set learns to on in the settings"]


def read_habits(files: Files, folder: Path) -> Kept:
    """What is kept in a folder; nothing if there is no file or it is damaged."""
    return SealedFile(files, folder / HABITS_FILE, Kept).read() or Kept()


def erase(files: Files, path: Path) -> None:
    """Remove the file of habits for good.

    Raises:
        StoreError: The disk refuses.
    """
    try:
        for each in (path, path.with_name(f"{path.name}.new")):
            if files.size_bytes(each) is not None:
                files.remove(each)
        files.sync_folder(path.parent)
    except FileNotFoundError:
        return  # There is not even a folder.
    except OSError as error:
        raise StoreError(f"{path.name} cannot be erased ({error.strerror or error}); check the card") from error


def _write(file: SealedFile[Kept], kept: Kept) -> None:
    try:
        file.write(kept)
    except OSError as error:
        raise StoreError(f"{HABITS_FILE} cannot be kept ({error.strerror or error}); check the card") from error


def _key(idea: Idea, modes: Sequence[str]) -> Key:
    eighths = ((mode, round(weight * EIGHTHS)) for mode, weight in zip(modes, idea.blend, strict=True))
    x, y = idea.timbre
    blend = tuple(sorted((mode, count) for mode, count in eighths if count))
    return blend, round(x * EIGHTHS), round(y * EIGHTHS), round(idea.life * LIVES / MOST_LIFE)


def _cell(key: Key, seconds: float) -> Cell:
    blend, x, y, life = key
    weights = {mode: count / EIGHTHS for mode, count in blend}
    return Cell(weights, (x / EIGHTHS, y / EIGHTHS), life * MOST_LIFE / LIVES, seconds)


def _inside(value: float, most: float) -> float:
    return min(max(value, 0.0), most)
