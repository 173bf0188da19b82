"""What counts more in a training: modes, notes and frequency bands, such as listeners marked as wrong.

A note or mode of weight 2 is drawn twice as often as one of weight 1; in a band of weight 2 an error of the amplitudes
counts twice as much as outside. Weights change what is learned first, not what is right.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from tombola_device.contract.errors import BadConfig

from tombola_host.corpus.material import Material
from tombola_host.corpus.windows import NOTE, Band, Note

MOST: Final = 8.0
"""Beyond this the other notes are hardly seen any more."""
NOTE_REACH: Final = 1.0
"""Semitones: a neighbour of a marked note counts more too, because held-out notes are learned from their neighbours."""

Weight = Annotated[float, Meta(ge=1 / MOST, le=MOST)]
Hertz = Annotated[float, Meta(ge=0, le=24_000)]


class ModeWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weights of one mode.

    Args:
        weight: Of the mode among the modes.
        notes: Weight by MIDI note; of several that reach a recording the highest holds.
        bands: Lower and upper frequency, Hz, and weight.
    """

    weight: Weight = 1.0
    notes: dict[Annotated[float, Meta(ge=0, le=127)], Weight] = {}
    bands: Annotated[list[tuple[Hertz, Hertz, Weight]], Meta(max_length=32)] = []


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file that ``tombola build --weights`` reads.

    Args:
        modes: By name of mode; what is not named has weight 1.
        origin: Where the weights come from, in words.
    """

    modes: dict[str, ModeWeights]
    origin: str = ""
    version: Literal[1] = 1


def read_weights(path: Path, modes: Sequence[str]) -> Weights:
    """Read a file of weights for a build of these modes.

    Raises:
        BadConfig: It cannot be read, is damaged, or weighs a mode that is not built.
    """
    try:
        weights = msgspec.json.decode(path.read_bytes(), type=Weights)
    except OSError as error:
        raise BadConfig(f"the weights {path} cannot be read ({error.strerror}); check the path") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadConfig(f"{path} holds no weights ({error}); make them with `tombola session apply`") from error
    for name in weights.modes:
        if name not in modes:
            raise BadConfig(f"{path} weighs the mode {name!r}, which is not built; build it too, or remove it there")
    return weights


def weighed(materials: Sequence[Material], weights: Weights) -> tuple[Material, ...]:
    """The same recordings with their weights; a mode that is not named stays as it is, and so do its runs."""
    return tuple(
        _weighed(material, weights.modes[material.name]) if material.name in weights.modes else material
        for material in materials
    )


def _weighed(material: Material, own: ModeWeights) -> Material:
    if own == ModeWeights():
        return material
    notes = tuple(replace(note, weight=_of_note(note, own)) for note in material.training.notes)
    bands = tuple(Band(*band) for band in own.bands)
    training = replace(material.training, notes=notes, weight=own.weight, bands=bands)
    told = json.dumps([own.weight, sorted(own.notes.items()), own.bands])
    return replace(material, training=training, fingerprint=f"{material.fingerprint} weighed {told}")


def _of_note(note: Note, own: ModeWeights) -> float:
    """The highest weight that reaches a recording, whose note is the median over its frames."""
    sounding = float(note.scalars[:, NOTE].median())
    reached = [weight for marked, weight in own.notes.items() if abs(marked - sounding) <= NOTE_REACH + 0.5]
    return max(reached, default=1.0)
