"""Stage: the merged network as a bundle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from tombola_device.contract.bundle import Bundle, encode_bundle
from tombola_device.contract.controls import SCALAR_COLUMNS
from tombola_device.contract.manifest import Mode, Range
from torch import Tensor

from tombola_host import __version__
from tombola_host.corpus.material import Material
from tombola_host.corpus.windows import NOTE, ModeData, one_hot
from tombola_host.export.bundle import export_bundle
from tombola_host.export.voice import VoiceExport
from tombola_host.generators.voice.losses import normalized
from tombola_host.generators.voice.network import Voice
from tombola_host.runs.store import Run, write_atomically
from tombola_host.stages.trainee_files import load_trainee
from tombola_host.training.loop import Trainee

COLORS = ("#e8a33d", "#c8553d", "#4fa3a5", "#8fb339", "#7d6b9e", "#d47fa6", "#5b7db1", "#b0a084")
REACH_SHARE = 0.95
HEARD_DB = 2.0
"""Mean over partials from one end of a timbre knob to the other: less is hardly heard."""
HEARD_AT = (0.25, 0.5, 0.75)
HEARD_PARTIALS = 20
HELD_FRAMES = 150
"""0.4 s: the attack is over."""
WIDEST, WIDER_STEPS = 3.0, 17
TIMBRE_AXES = ("timbre_x", "timbre_y")
DB_PER_NEPER = 20 / math.log(10)


def make_bundle(merged: Run, materials: Sequence[Material], name: str) -> Bundle:
    """Export the network of a merge run, with all that the device needs to know of its modes.

    Raises:
        ExportError: The graph is not what the network is.
    """
    trainee = load_trainee(merged, "merged")
    trainee.network.eval()
    facts = merged.result()
    modes = [_mode(trainee, index, len(materials), material) for index, material in enumerate(materials)]
    provenance: dict[str, str | int | float] = {
        "run": merged.name,
        "seed": facts["seed"],
        "method": facts["method"],
        "tombola": __version__,
        **{f"corpus_{material.name}": material.fingerprint for material in materials},
    }
    licences = sorted({material.licence for material in materials})
    return export_bundle(VoiceExport(trainee.network), name, "voice", modes, provenance, " ".join(licences))


def write_bundle(bundle: Bundle, path: Path) -> None:
    """Write a bundle's file, whole or not at all."""
    write_atomically(path, encode_bundle(bundle))


def _mode(trainee: Trainee, index: int, modes: int, material: Material) -> Mode:
    x, y = timbre_ranges(trainee, index, modes, material.training)
    return Mode(
        name=material.name,
        color=COLORS[index % len(COLORS)],
        note_range=material.note_range,
        envelope=material.envelope,
        controls=dict(zip(TIMBRE_AXES, (x, y), strict=True)),
        licence=material.licence,
    )


def timbre_ranges(trainee: Trainee, index: int, modes: int, data: ModeData) -> tuple[Range, Range]:
    """As far to both sides of the default, 0, as 95 % of the frames of a mode's recordings lie from it.

    Where a network makes so little of an axis that its knob would hardly be heard, further: until it is, or to three
    times as far.
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
    """How far to go on an axis of timbre so that its ends differ by HEARD_DB, over partials and notes."""
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
