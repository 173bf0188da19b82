"""The ranges of a mode's timbre knobs."""

from __future__ import annotations

import math

import torch
from tombola_device.contract.controls import SCALAR_COLUMNS
from tombola_device.contract.manifest import Range
from torch import Tensor

from tombola_host.corpus.windows import NOTE, ModeData, one_hot
from tombola_host.generators.voice.losses import normalized
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.trainee import VoiceTrainee

REACH_SHARE = 0.95
HEARD_DB = 2.0
"""Mean difference over partials between the ends of a timbre knob; less is hardly audible."""
HEARD_AT = (0.25, 0.5, 0.75)
HEARD_PARTIALS = 20
HELD_FRAMES = 150
"""0.4 s: the attack is over then."""
WIDEST, WIDER_STEPS = 3.0, 17
TIMBRE_AXES = ("timbre_x", "timbre_y")
DB_PER_NEPER = 20 / math.log(10)


def timbre_ranges(trainee: VoiceTrainee, index: int, modes: int, data: ModeData) -> tuple[Range, Range]:
    """Ranges around the default, 0, that contain 95 % of the frames of a mode's recordings.

    If a network reacts so little to an axis that its knob would be hardly audible, the range is extended until it is
    audible, at most to three times its width.
    """
    latents = []
    for note in data.notes:
        blend = one_hot(index, modes).expand(len(note.scalars), -1)
        with torch.no_grad():
            found = trainee.encoder(note.relative[None], torch.cat([note.scalars, blend], dim=1)[None])[0]
        latents.append(found[note.scalars[:, SCALAR_COLUMNS.index("loudness_db")] > -60])
    reach = torch.cat(latents).abs().quantile(REACH_SHARE, dim=0).tolist()
    notes = torch.cat([note.scalars[:, NOTE] for note in data.notes]).quantile(torch.tensor(HEARD_AT))
    heard = [heard_reach(trainee.network, one_hot(index, modes), notes, axis, own) for axis, own in enumerate(reach)]
    return (-heard[0], 0.0, heard[0]), (-heard[1], 0.0, heard[1])


def heard_reach(network: Voice, blend: Tensor, notes: Tensor, axis: int, reach: float) -> float:
    """How far an axis of timbre must reach so that its ends differ by HEARD_DB, averaged over partials and notes."""
    wider = 1.0
    for step in range(WIDER_STEPS):
        wider = 1.0 + (WIDEST - 1.0) * step / (WIDER_STEPS - 1)
        ends = [_held_db(network, blend, notes, axis, side * wider * reach) for side in (-1.0, 1.0)]
        if float((ends[1] - ends[0]).abs().mean()) >= HEARD_DB:
            break
    return round(wider * reach, 4)


def _held_db(network: Voice, blend: Tensor, notes: Tensor, axis: int, timbre: float) -> Tensor:
    """Levels of the first partials of held notes, dB. Shape (N, HEARD_PARTIALS)."""
    controls = torch.zeros(len(notes), HELD_FRAMES, len(SCALAR_COLUMNS) + len(blend))
    controls[..., NOTE] = notes[:, None]
    for name, value in {"loudness_db": -20.0, "velocity": 0.8, TIMBRE_AXES[axis]: timbre}.items():
        controls[..., SCALAR_COLUMNS.index(name)] = value
    controls[..., len(SCALAR_COLUMNS) :] = blend
    with torch.no_grad():
        last = network.log_amplitudes(controls)[0][:, -1]
        audible = network.synthesizer.audible(notes[:, None])
        return normalized(last, audible)[:, :HEARD_PARTIALS] * DB_PER_NEPER
