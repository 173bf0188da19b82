"""Stage: export the merged network as a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tombola_device.contract.bundle import Bundle, encode_bundle
from tombola_device.contract.manifest import Mode

from tombola_host import __version__
from tombola_host.corpus.material import Material
from tombola_host.evaluation.held_out import Judging, mean_error, note_errors, trainee_playback
from tombola_host.export.bundle import export_bundle
from tombola_host.generators.family import Family, GeneratorTrainee
from tombola_host.runs.store import Run, write_atomically
from tombola_host.stages.trainee_files import load_trainee

COLORS = ("#e8a33d", "#c8553d", "#4fa3a5", "#8fb339", "#7d6b9e", "#d47fa6", "#5b7db1", "#b0a084")


def make_bundle(family: Family, merged: Run, materials: Sequence[Material], name: str) -> Bundle:
    """Export the network of a merge run, with everything that the device must know about its modes.

    Raises:
        ExportError: A graph differs from its network.
    """
    trainee = load_trainee(family, merged, "merged")
    facts = merged.result()
    provenance: dict[str, str | int | float] = {
        "run": merged.name,
        "seed": facts["seed"],
        "method": facts["method"],
        "tombola": __version__,
        **{f"corpus_{material.name}": material.recordings for material in materials},
        **_errors(family, trainee, materials),
    }
    return bundle_of(family, trainee, materials, name, provenance)


def bundle_of(
    family: Family,
    trainee: GeneratorTrainee,
    materials: Sequence[Material],
    name: str,
    provenance: dict[str, str | int | float],
) -> Bundle:
    """Export a network whose modes are these materials.

    Raises:
        ExportError: A graph differs from its network.
    """
    trainee.network.eval()
    family.finish(trainee, [material.training for material in materials])
    exportable = family.exported(trainee.network)
    ((role, exported),) = exportable.graphs().items()
    held = exported.graph.rate == "block"
    modes = [_mode(family, trainee, index, material, role, held=held) for index, material in enumerate(materials)]
    licences = sorted({material.licence for material in materials})
    return export_bundle(exportable, name, family.name, modes, provenance, " ".join(licences))


def _errors(family: Family, trainee: GeneratorTrainee, materials: Sequence[Material]) -> dict[str, float]:
    """What the page of an instrument shows: the error of each mode on notes that it never learned from."""
    if isinstance(family, Judging):  # Its measure is another one.
        return {}
    return {
        f"error_{material.name}": round(
            mean_error(note_errors(trainee_playback(family, trainee, mode), material.test.notes)), 3
        )
        for mode, material in enumerate(materials)
        if material.test.notes
    }


def write_bundle(bundle: Bundle, path: Path) -> None:
    """Write a bundle's file completely or not at all."""
    write_atomically(path, encode_bundle(bundle))


def _mode(family: Family, trainee: GeneratorTrainee, index: int, material: Material, role: str, *, held: bool) -> Mode:
    envelope = material.envelope if held else None
    described = family.described(trainee, index, material.training, envelope)
    return Mode(
        name=material.name,
        color=COLORS[index % len(COLORS)],
        note_range=material.note_range,
        envelope=envelope,
        controls=family.controls(trainee, index, material.training),
        gate="held" if held else "one_shot",
        graph=role,
        licence=material.licence,
        life=described.life if held else None,
        recorded_db=described.recorded_db,
        wane=described.wane if held else None,
        knobs=dict(described.knobs),
        recordings=list(described.recordings),
    )
