"""Version 1 of the manifest, from before graphs had roles. It is only read, never written."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import MAX_MODES, PERIOD_SAMPLES, SAMPLE_RATE_HZ, SCALAR_COLUMNS
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import FRAME, MAX_NOISE_BANDS, MAX_STATE, Column, block_graph
from tombola_device.contract.manifest import (
    Cost,
    Envelope,
    Manifest,
    Mode,
    Name,
    Note,
    Provenance,
    Range,
    Text,
    check_manifest,
    read_json,
)


class Mode1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of sound; timbre X and Y had fields of their own."""

    name: Name
    color: Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}\Z")]
    note_range: tuple[Note, Note]
    envelope: Envelope
    timbre_x: Range
    timbre_y: Range
    licence: Text = ""


class Graph1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The only graph, which ran in each period; its ports followed from these fields."""

    state_size: Annotated[int, Meta(ge=0, le=MAX_STATE)]
    noise_bands: Annotated[int, Meta(ge=0, le=MAX_NOISE_BANDS)]
    controls: Annotated[list[Column], Meta(max_length=32)] = msgspec.field(default_factory=lambda: list(SCALAR_COLUMNS))
    overlap: bool = False
    motion: bool = False


class Manifest1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON part of a version-1 bundle."""

    name: Name
    generator: Name
    modes: Annotated[list[Mode1], Meta(min_length=1, max_length=MAX_MODES)]
    graph: Graph1
    cost: Cost
    delay_samples: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    sample_rate_hz: Annotated[int, Meta(ge=1, le=1_000_000)] = SAMPLE_RATE_HZ
    period_samples: Annotated[int, Meta(ge=1, le=65_536)] = PERIOD_SAMPLES
    checked_periods: Annotated[list[Annotated[int, Meta(ge=1, le=1_000_000)]], Meta(min_length=1, max_length=32)] = (
        msgspec.field(default_factory=lambda: [PERIOD_SAMPLES])
    )
    provenance: Provenance = msgspec.field(default_factory=dict)
    licence: Text = ""


def decode_manifest_1(data: bytes) -> Manifest:
    """Parse and check a version-1 manifest, and convert it to the present version.

    Raises:
        BadBundle: The data are not JSON, or a field is missing, unknown or out of range.
    """
    manifest = upgraded(read_json(data, Manifest1))
    check_manifest(manifest)
    return manifest


def upgraded(old: Manifest1) -> Manifest:
    """Convert a version-1 manifest to the present version.

    Raises:
        BadBundle: The graph expects controls that no version of the engine has sent.
    """
    graph = old.graph
    if tuple(graph.controls) != SCALAR_COLUMNS:
        raise BadBundle(
            f"the bundle's graph wants the controls {', '.join(graph.controls)}, but "
            f"{', '.join(SCALAR_COLUMNS)} are sent here; export it with this version"
        )
    frame = block_graph(len(old.modes), graph.state_size, graph.noise_bands, overlap=graph.overlap, motion=graph.motion)
    return Manifest(
        name=old.name,
        generator=old.generator,
        modes=[
            Mode(
                mode.name,
                mode.color,
                mode.note_range,
                mode.envelope,
                {"timbre_x": mode.timbre_x, "timbre_y": mode.timbre_y},
                licence=mode.licence,
            )
            for mode in old.modes
        ],
        graphs={FRAME: msgspec.structs.replace(frame, delay_samples=old.delay_samples)},
        cost=old.cost,
        sample_rate_hz=old.sample_rate_hz,
        period_samples=old.period_samples,
        checked_periods=old.checked_periods,
        provenance=dict(old.provenance),
        licence=old.licence,
    )
