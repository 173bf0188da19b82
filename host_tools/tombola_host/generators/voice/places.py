"""Where recordings lie on the timbre pad: at the X and Y with which the network's spectrum comes nearest to each.

Distances are taken between levels of 24 bands as wide as the ear's, not between partials: fitted to the logarithms of
single partials, soft ones pulled the points to where the sound was further off than in the middle of the pad
(docs/notebook/0019-recordings-on-the-pad.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.manifest import MAX_RECORDINGS, Recording
from tombola_device.engine.noise import band_weights
from torch import Tensor

from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.windows import LEVEL, NOTE, ModeData, Note, one_hot
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.shades import SETTLED_S, X, Y, as_recorded

NAME_LETTERS = 40
FRAMES = 48
"""Frames of a note that are compared, spread over its loud part."""
LOUD_DB = 20.0
HEARD_DB = 50.0
"""A band so far below the loudest one counts no more."""
STEPS = 41
"""Places along each axis that are tried."""
AT_ONCE = 32
"""Places in one run: their amplitudes stay in the processor's cache. All at once took five times as long."""
LEANING_DB2 = 0.1
"""Where a knob changes next to nothing, a recording lies near the middle."""
Array = npt.NDArray[np.float64]


def places_of(network: Voice, mode: int, data: ModeData) -> tuple[Recording, ...]:
    """Where the recordings of a mode lie, the lowest note first; of very many, some of each register."""
    found = []
    for note in _some(sorted(data.notes, key=_pitch)):
        x, y = _place(network, mode, note)
        found.append(Recording(short_name(note.name), round(_pitch(note), 2), x, y))
    return tuple(found)


def short_name(file: str) -> str:
    """A file's name as a manifest may hold it.

    >>> short_name("Flute C#5 (soft).wav"), short_name("<b>.wav"), short_name("../.wav")
    ('Flute C_5 _soft_', '_b_', '.wav')
    """
    return re.sub(r"[^\w .+-]", "_", PurePath(file).stem)[:NAME_LETTERS] or "recording"


def _place(network: Voice, mode: int, note: Note) -> tuple[float, float]:
    """X and Y, each -1 … 1."""
    controls = torch.cat([note.scalars, one_hot(mode, network.modes).expand(len(note.scalars), -1)], dim=1)[None]
    axis = torch.linspace(-1.0, 1.0, STEPS)
    places = torch.cartesian_prod(axis, axis)
    at = _loud(note)
    bands = _bands(note)
    recorded_db = _level_db(torch.exp(note.relative[at]) * 10 ** (note.scalars[at, LEVEL, None] / 20), bands)
    with torch.no_grad():
        played = network.log_amplitudes(controls, as_recorded(network, controls))[0][0, at]
        given = network.note_and_level(controls)[0, at]
        off_db = np.concatenate(
            [
                _level_db(network.at_level(played + each[:, None], given.expand(len(each), -1, -1))[0], bands)
                for each in (places @ network.directions[mode, [X, Y]]).split(AT_ONCE)
            ]
        )
    off_db -= recorded_db
    far: Array = (off_db**2).mean(axis=-1) + LEANING_DB2 * (places**2).sum(dim=1).numpy()
    x, y = places[int(far.argmin())].tolist()
    return round(x, 3), round(y, 3)


def _level_db(amplitude: Tensor, bands: Array) -> Array:
    """Level of each band, over a soft floor. (…, F, H + B + K), (H + B + K, B) → (…, B)."""
    power = amplitude.square().mean(dim=-2).numpy().astype(np.float64) @ bands
    floor = power.max(axis=-1, keepdims=True) * 10 ** (-HEARD_DB / 10)
    return np.asarray(10 * np.log10(power + floor + 1e-12))


def _bands(note: Note) -> Array:
    """The share of each amplitude's power that falls into each band. Shape (H + B + K, B)."""
    f0_hz = 440.0 * 2 ** ((_pitch(note) - 69) / 12)
    ratios = np.concatenate([np.arange(1, PARTIALS + 1), np.exp(note.tracks.at(_pitch(note)))])
    shares = band_weights(f0_hz * ratios, NOISE_BANDS).T
    return np.concatenate([shares[:PARTIALS], np.eye(NOISE_BANDS), shares[PARTIALS:]])


def _loud(note: Note) -> Tensor:
    """At most FRAMES frames of a note's settled, loud part."""
    level_db = note.scalars[:, LEVEL]
    loud = torch.nonzero(level_db > level_db.max() - LOUD_DB)[:, 0]
    settled = loud[loud >= round(SETTLED_S * FRAME_RATE_HZ)]
    chosen = settled if len(settled) else loud
    return chosen[torch.linspace(0, len(chosen) - 1, FRAMES).round().long().unique()]


def _pitch(note: Note) -> float:
    return float(note.scalars[:, NOTE].median())


def _some(notes: Sequence[Note]) -> list[Note]:
    step = max(len(notes) / MAX_RECORDINGS, 1.0)
    return [notes[int(index * step)] for index in range(min(len(notes), MAX_RECORDINGS))]
