"""Stage: the merged network as a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tombola_device.contract.bundle import Bundle, encode_bundle
from tombola_device.contract.controls import SCALAR_COLUMNS
from tombola_device.contract.manifest import Mode, Range

from tombola_host import __version__
from tombola_host.export import export_bundle
from tombola_host.runs import Run, write_atomically
from tombola_host.stages.material import Material
from tombola_host.stages.trainee_files import load_trainee
from tombola_host.training.dataset import ModeData, one_hot
from tombola_host.training.fit import Trainee

COLORS = ("#e8a33d", "#c8553d", "#4fa3a5", "#8fb339", "#7d6b9e", "#d47fa6", "#5b7db1", "#b0a084")
REACH_SHARE = 0.95


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
    return export_bundle(trainee.network, name, "voice", modes, provenance, " ".join(licences))


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
        timbre_x=x,
        timbre_y=y,
        licence=material.licence,
    )


def timbre_ranges(trainee: Trainee, index: int, modes: int, data: ModeData) -> tuple[Range, Range]:
    """As far to both sides of the default, 0, as 95 % of the frames of a mode's recordings lie from it."""
    latents = []
    for note in data.notes:
        blend = one_hot(index, modes).expand(len(note.scalars), -1)
        with torch.no_grad():
            found = trainee.encoder(note.relative[None], torch.cat([note.scalars, blend], dim=1)[None])[0]
        latents.append(found[note.scalars[:, SCALAR_COLUMNS.index("loudness_db")] > -60])
    reach = torch.cat(latents).abs().quantile(REACH_SHARE, dim=0)
    ranges = [(-round(float(reach[axis]), 4), 0.0, round(float(reach[axis]), 4)) for axis in (0, 1)]
    return ranges[0], ranges[1]
