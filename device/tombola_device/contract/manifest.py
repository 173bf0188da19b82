"""What a bundle says of itself: modes, controls, graph, delay, cost, provenance, licence."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import MAX_MODES, PERIOD_SAMPLES, SAMPLE_RATE_HZ, SCALAR_COLUMNS
from tombola_device.contract.errors import BadBundle

FORMAT_VERSION = 1

KEYTRACK_NOTE = 60.0
STATE_BEFORE, STATE_AFTER = "state", "_out"
"""How the names of a graph's tensors of state begin, and how the name of what becomes of each ends."""
UNREAD = "unread"
"""An input (V, 1) that a graph may have and not read."""

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w .+-]+$")]
Text = Annotated[str, Meta(max_length=4096)]
Range = tuple[float, float, float]
"""Lowest, default, highest."""


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the level of a mode moves by itself after the onset, learned from the corpus.

    Until ``time_s[-1]`` the level is interpolated in the table, then it goes on at ``decay_db_per_s`` (0 for a
    sustained sound) until the gate falls; then it falls at ``release_db_per_s``.

    Args:
        time_s: Rising times since the onset, the first is 0.
        level_db: Level at those times for velocity 1.0, dB re full-scale RMS 1.0.
        decay_db_per_s: ≤ 0.
        release_db_per_s: < 0.
        velocity_db: How much quieter velocity 0 is than velocity 1, ≥ 0; linear in velocity between.
        keytrack: How much faster a higher note moves, octaves of speed per octave of pitch from KEYTRACK_NOTE on: a
            short string dies away sooner. The release does not follow.
    """

    time_s: Annotated[list[float], Meta(min_length=2, max_length=256)]
    level_db: Annotated[list[float], Meta(min_length=2, max_length=256)]
    decay_db_per_s: Annotated[float, Meta(le=0)]
    release_db_per_s: Annotated[float, Meta(lt=0)]
    velocity_db: Annotated[float, Meta(ge=0, le=96)] = 24.0
    keytrack: Annotated[float, Meta(ge=0, le=2)] = 0.0


class Mode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of sound."""

    name: Name
    color: Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}$")]
    note_range: tuple[float, float]
    envelope: Envelope
    timbre_x: Range
    timbre_y: Range
    licence: Text = ""


class Graph(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tensors of the ONNX graph, V voices in the batch axis.

    inputs:  ``controls`` (V, len(controls) + M); ``noise`` (V, noise_bands, T) if ``noise_bands`` > 0, or if
    ``overlap`` (V, noise_bands, 2 T): this period's noise fading in, the next one's fading out; if ``motion``,
    ``motion`` (V, 3) and ``level`` (V, 1), each voice's phase and amplitude as ``engine.motion`` keeps them; any number
    of tensors of state, their names beginning with ``state``, together ``state_size`` floats for each voice;
    outputs: ``audio`` (V, T); if ``overlap``, ``overlap`` (V, 2 T), which is added to the audio of this period and of
    the next; for each tensor of state one of its shape, its name followed by ``_out``.
    T = ``period_samples``. float32. There may be more axes of length 1. A state of zeros is a voice at rest.
    """

    state_size: Annotated[int, Meta(ge=0, le=65_536)]
    noise_bands: Annotated[int, Meta(ge=0, le=256)]
    controls: list[str] = msgspec.field(default_factory=lambda: list(SCALAR_COLUMNS))
    overlap: bool = False
    motion: bool = False


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the graph costs, as measured when it was exported.

    Args:
        parameters: Weights.
        onnx_bytes: Size of the graph.
        nodes: Operators; each costs as much as a hundred multiplications.
        state_tensors: Carried from period to period.
        arm64_instructions_per_period: One held voice on a Cortex-A72, all that the instrument does for it; none: not
            counted.
        arm64_instructions_per_further_voice: Each voice more; none: not counted.
    """

    parameters: Annotated[int, Meta(ge=0)]
    onnx_bytes: Annotated[int, Meta(ge=0)]
    nodes: Annotated[int, Meta(ge=0)]
    state_tensors: Annotated[int, Meta(ge=0)]
    arm64_instructions_per_period: Annotated[int, Meta(ge=0)] | None = None
    arm64_instructions_per_further_voice: Annotated[int, Meta(ge=0)] | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON part of a bundle."""

    name: Name
    generator: Name
    modes: Annotated[list[Mode], Meta(min_length=1, max_length=MAX_MODES)]
    graph: Graph
    cost: Cost
    delay_samples: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    sample_rate_hz: int = SAMPLE_RATE_HZ
    period_samples: int = PERIOD_SAMPLES
    checked_periods: Annotated[list[int], Meta(min_length=1, max_length=32)] = msgspec.field(
        default_factory=lambda: [PERIOD_SAMPLES]
    )
    provenance: dict[str, str | int | float] = msgspec.field(default_factory=dict)
    licence: Text = ""


def encode_manifest(manifest: Manifest) -> bytes:
    """Canonical JSON, fields in declared order, provenance keys sorted: equal manifests give equal bytes."""
    return msgspec.json.encode(manifest, order="deterministic")


def decode_manifest(data: bytes) -> Manifest:
    """Parse and check a manifest.

    Raises:
        BadBundle: It is not JSON, a field is missing, unknown or out of range.
    """
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # The last two pass through msgspec.
        raise BadBundle(f"the bundle's manifest cannot be read: {error}; export the bundle again") from error
    _check_manifest(manifest)
    return manifest


def _check_manifest(manifest: Manifest) -> None:
    """Raise BadBundle for what the types alone cannot say."""
    if (manifest.sample_rate_hz, manifest.period_samples) != (SAMPLE_RATE_HZ, PERIOD_SAMPLES):
        raise BadBundle(
            f"the bundle is for {manifest.sample_rate_hz} Hz in periods of {manifest.period_samples} samples, "
            f"not {SAMPLE_RATE_HZ} and {PERIOD_SAMPLES}; export it again"
        )
    names = [mode.name for mode in manifest.modes]
    if len(set(names)) < len(names):
        raise BadBundle(f"the bundle has two modes of one name ({', '.join(names)}); rename one and export again")
    for mode in manifest.modes:
        times, levels = mode.envelope.time_s, mode.envelope.level_db
        if len(times) != len(levels):
            raise BadBundle(f"the envelope of mode {mode.name!r} has not as many levels as times; export again")
        if times[0] != 0 or any(later <= earlier for earlier, later in pairwise(times)):
            raise BadBundle(f"the envelope of mode {mode.name!r} has times that do not rise from 0; export again")
        if mode.note_range[0] > mode.note_range[1]:
            raise BadBundle(f"the lowest note of mode {mode.name!r} is above its highest; export again")
        for lowest, default, highest in (mode.timbre_x, mode.timbre_y):
            if not lowest <= default <= highest:
                raise BadBundle(f"the default timbre of mode {mode.name!r} is outside its range; export again")
