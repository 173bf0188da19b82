"""A bundle's manifest: modes, controls, graphs, delay, cost, provenance, licence.

This is version 2. ``manifest_1`` reads version 1 and converts it to this version.

>>> kick = Mode("kick", "#a03020", (36, 36), gate="one_shot", graph="onset")
>>> manifest = Manifest("drum", "hits", [kick], {"onset": onset_graph(modes=1, samples=24_000)}, Cost(0, 0, 0, 0))
>>> decode_manifest(encode_manifest(manifest)) == manifest
True
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import MAX_MODES, PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_device.contract.envelope_keys import MAX_KEYS, EnvelopeKey, check_keys
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import FRAME, SHADES, TIMBRE, Column, Graph, Role, check_ports
from tombola_device.contract.life import MAX_FOLLOWED, Life
from tombola_device.contract.words import Words, check_words

MANIFEST_VERSION = 2

KEYTRACK_NOTE = 60.0
MAX_GRAPHS = 8
MAX_RECORDINGS = 64
"""Of a mode: more points than these cannot be told apart on a map."""
MAX_COUNT = 1 << 53
"""JSON readers keep integers exact only up to here."""

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w .+-]+\Z")]
ShortName = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[\w .+-]+\Z")]
Text = Annotated[str, Meta(max_length=4096)]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Note = Annotated[float, Meta(ge=0, le=127)]
Level = Annotated[float, Meta(ge=-200, le=60)]
Latent = Annotated[float, Meta(ge=-1000, le=1000)]
"""The numbers of a manifest are bounded, so that none overflows in the engine's single precision."""
Share = Annotated[float, Meta(ge=0, le=1)]
Range = tuple[Latent, Latent, Latent]
"""Lowest, default, highest."""
Provenance = Annotated[
    dict[
        Annotated[str, Meta(max_length=256)],
        Text | Annotated[int, Meta(ge=-MAX_COUNT, le=MAX_COUNT)] | Annotated[float, Meta(ge=-1e300, le=1e300)],
    ],
    Meta(max_length=256),
]
M = TypeVar("M")


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the level of a mode changes after the onset; learned from the corpus.

    Until ``time_s[-1]`` the level is interpolated in the table; then it falls at ``decay_db_per_s`` (0 for a sustained
    sound) until the gate closes; then it falls at ``release_db_per_s``.

    Args:
        time_s: Times since the onset, rising; the first is 0.
        level_db: Level at each of those times at velocity 1.0, dB re full-scale RMS 1.0.
        decay_db_per_s: ≤ 0.
        release_db_per_s: < 0.
        velocity_db: How much quieter velocity 0 is than velocity 1, ≥ 0; linear in velocity in between.
        keytrack: How much faster the envelope of a higher note runs, octaves of speed per octave of pitch above
            KEYTRACK_NOTE: a short string decays sooner. The release is not affected.
        attack_s: Until here the table is the attack, which does not follow ``keytrack``; 0: it has none.
        keys: How notes differ over the keyboard, the lowest first; empty: they do not.
    """

    time_s: Annotated[list[Annotated[float, Meta(ge=0, le=3600)]], Meta(min_length=2, max_length=256)]
    level_db: Annotated[list[Level], Meta(min_length=2, max_length=256)]
    decay_db_per_s: Annotated[float, Meta(ge=-1e6, le=0)]
    release_db_per_s: Annotated[float, Meta(ge=-1e6, lt=0)]
    velocity_db: Annotated[float, Meta(ge=0, le=96)] = 24.0
    keytrack: Annotated[float, Meta(ge=0, le=2)] = 0.0
    attack_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    keys: Annotated[list[EnvelopeKey], Meta(max_length=MAX_KEYS)] = msgspec.field(default_factory=list)


class Recording(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """Where one of a mode's recordings lies in its timbre. In JSON a list, in this order.

    Args:
        name: A short name of its file.
        note: What sounds in it.
        timbre_x: Where the mode sounds most like it; in units of the mode's ``controls``, as ``timbre_y``. It may lie
            outside of their range.
        timbre_y: See ``timbre_x``.
    """

    name: ShortName
    note: Note
    timbre_x: Latent
    timbre_y: Latent


class Mode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of sound.

    Args:
        name: The name that the player reads.
        color: On the display and the LEDs.
        note_range: Lowest and highest note in the corpus.
        envelope: The course of its level. Only a ``one_shot`` of an onset graph needs none: the graph sets its level.
        controls: Range of each column of its graph that the player moves within a range learned for this mode:
            ``timbre_x``, ``timbre_y``. A column that is missing here stays at 0.
        gate: A ``held`` note sounds while its key is down and then releases; a ``one_shot`` note sounds to its end.
        graph: Role of the graph that renders the mode.
        licence: Licence of the mode's sounds.
        life: How its held notes move; None: they do not.
        recorded_db: How much quieter than velocity 1.0 its recordings were played, median, dB. A note played like this
            has the spectrum of the recordings; a louder one is shifted along ``dynamics``.
        wane: The spectrum of a note that dies away moves along the last direction of its life: one unit in a second at
            KEYTRACK_NOTE, and so many octaves faster for each octave above it. None: it does not.
        knobs: What a control does, in one word, by column: ``timbre_x`` may make a note "brighter".
        recordings: Some of those that it learned from, for maps. Nothing that sounds depends on them.
    """

    name: Name
    color: Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}\Z")]
    note_range: tuple[Note, Note]
    envelope: Envelope | None = None
    controls: Annotated[dict[Column, Range], Meta(max_length=16)] = msgspec.field(default_factory=dict)
    gate: Literal["held", "one_shot"] = "held"
    graph: Role = FRAME
    licence: Text = ""
    life: Life | None = None
    recorded_db: Annotated[float, Meta(ge=-96, le=0)] = 0.0
    wane: Annotated[float, Meta(ge=0, le=3)] | None = None
    knobs: Annotated[dict[Column, Name], Meta(max_length=16)] = msgspec.field(default_factory=dict)
    recordings: Annotated[list[Recording], Meta(max_length=MAX_RECORDINGS)] = msgspec.field(default_factory=list)


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cost of all graphs together, measured at export.

    Args:
        parameters: Number of weights.
        onnx_bytes: Size of the graphs.
        nodes: Number of operators; each costs as much as a hundred multiplications.
        state_tensors: Number of tensors carried from period to period.
        arm64_instructions_per_period: Cost of one held voice on a Cortex-A72, all work of the instrument included;
            None: not counted.
        arm64_instructions_per_further_voice: Cost of each further voice; None: not counted.
    """

    parameters: Count
    onnx_bytes: Count
    nodes: Count
    state_tensors: Count
    arm64_instructions_per_period: Count | None = None
    arm64_instructions_per_further_voice: Count | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON part of a bundle.

    Args:
        graphs: Role → graph; each mode names the graph that renders it.
        blend: Weights of the modes with which it begins, as many as there are modes; empty: the first mode alone.
        words: Knobs that bear a word.
    """

    name: Name
    generator: Name
    modes: Annotated[list[Mode], Meta(min_length=1, max_length=MAX_MODES)]
    graphs: Annotated[dict[Role, Graph], Meta(min_length=1, max_length=MAX_GRAPHS)]
    cost: Cost
    sample_rate_hz: Annotated[int, Meta(ge=1, le=1_000_000)] = SAMPLE_RATE_HZ
    period_samples: Annotated[int, Meta(ge=1, le=65_536)] = PERIOD_SAMPLES
    checked_periods: Annotated[list[Annotated[int, Meta(ge=1, le=1_000_000)]], Meta(min_length=1, max_length=32)] = (
        msgspec.field(default_factory=lambda: [PERIOD_SAMPLES])
    )
    provenance: Provenance = msgspec.field(default_factory=dict)
    licence: Text = ""
    blend: Annotated[list[Share], Meta(max_length=MAX_MODES)] = msgspec.field(default_factory=list)
    words: Words = msgspec.field(default_factory=list)

    @property
    def delay_samples(self) -> int:
        """The longest delay of all graphs."""
        return max(graph.delay_samples for graph in self.graphs.values())

    def modes_of(self, role: str) -> list[int]:
        """Indices of the modes that a graph renders, in the order of the graph's blend weights."""
        return [index for index, mode in enumerate(self.modes) if mode.graph == role]


def encode_manifest(manifest: Manifest) -> bytes:
    """Canonical JSON: fields in declared order, mapping keys sorted. Equal manifests give equal bytes."""
    return msgspec.json.encode(manifest, order="deterministic")


def decode_manifest(data: bytes) -> Manifest:
    """Parse and check a manifest.

    Raises:
        BadBundle: The data are not JSON, or a field is missing, unknown or out of range.
    """
    manifest = read_json(data, Manifest)
    check_manifest(manifest)
    return manifest


def read_json(data: bytes, kind: type[M]) -> M:
    """Parse JSON into a struct.

    Raises:
        BadBundle: The data are not JSON, or a field is missing, unknown or out of range.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # msgspec lets the last two through.
        raise BadBundle(f"the bundle's manifest cannot be read: {error}; export the bundle again") from error


def check_manifest(manifest: Manifest) -> None:
    """Check rules that the types cannot express.

    Raises:
        BadBundle: Two parts of the manifest contradict each other.
    """
    if (manifest.sample_rate_hz, manifest.period_samples) != (SAMPLE_RATE_HZ, PERIOD_SAMPLES):
        raise BadBundle(
            f"the bundle is for {manifest.sample_rate_hz} Hz in periods of {manifest.period_samples} samples, "
            f"not {SAMPLE_RATE_HZ} and {PERIOD_SAMPLES}; export it again"
        )
    names = [mode.name for mode in manifest.modes]
    if len(set(names)) < len(names):
        raise BadBundle(f"the bundle has two modes of one name ({', '.join(names)}); rename one and export again")
    if manifest.blend and (len(manifest.blend) != len(names) or not any(manifest.blend)):
        raise BadBundle(f"the bundle begins with a blend that its {len(names)} modes cannot have; export it again")
    check_words(manifest.words, len(names))
    for mode in manifest.modes:
        if mode.graph not in manifest.graphs:
            raise BadBundle(
                f"mode {mode.name!r} is rendered by the graph {mode.graph!r}, which is missing; export again"
            )
        _check_mode(mode, manifest.graphs[mode.graph])
    lives = [mode.life for mode in manifest.modes if mode.life is not None]
    followed = sum(len(life.attacks.notes) for life in lives if life.attacks is not None and life.follows)
    if followed > MAX_FOLLOWED:
        raise BadBundle(
            f"the notes of the bundle follow {followed} recordings; {MAX_FOLLOWED} are possible, so build it with "
            "fewer modes or recordings and export it again"
        )
    for role, graph in manifest.graphs.items():
        check_ports(role, graph, len(manifest.modes_of(role)))
        if len({mode.life.follows for mode in manifest.modes if mode.life and mode.graph == role}) > 1:
            raise BadBundle(f"some modes of the graph {role!r} follow recordings and some do not; export again")


def _check_mode(mode: Mode, graph: Graph) -> None:
    if mode.note_range[0] > mode.note_range[1]:
        raise BadBundle(f"the lowest note of mode {mode.name!r} is above its highest; export again")
    _check_timbre(mode, graph)
    _check_life(mode, graph)
    if mode.envelope is None:
        if mode.gate == "held" or graph.rate == "block":
            raise BadBundle(f"mode {mode.name!r} has no envelope; only hits can do without one, so export it again")
        return
    times, levels = mode.envelope.time_s, mode.envelope.level_db
    if len(times) != len(levels):
        raise BadBundle(f"the envelope of mode {mode.name!r} has different numbers of levels and times; export again")
    if times[0] != 0 or any(later <= earlier for earlier, later in pairwise(times)):
        raise BadBundle(f"the envelope of mode {mode.name!r} has times that do not rise from 0; export again")
    check_keys(mode.name, mode.envelope.keys, mode.envelope.attack_s, times[-1])


def _check_timbre(mode: Mode, graph: Graph) -> None:
    for column, (lowest, default, highest) in mode.controls.items():
        if column not in TIMBRE or column not in graph.columns:
            raise BadBundle(
                f"mode {mode.name!r} has the control {column!r}, which nothing moves or its graph does not take; export"
            )
        if not lowest <= default <= highest:
            raise BadBundle(f"the default {column} of mode {mode.name!r} is outside its range; export again")
    if mode.recordings and not set(TIMBRE) <= mode.controls.keys():
        raise BadBundle(f"mode {mode.name!r} places recordings in a timbre that it does not have; export again")


def _check_life(mode: Mode, graph: Graph) -> None:
    if mode.life is None:
        return
    own = max(graph.directions - len(SHADES), 0)
    wanted, struck = (graph.strikes, graph.strikes) if mode.life.follows else (own, own + graph.strikes)
    if mode.life.directions != wanted:
        raise BadBundle(
            f"the life of mode {mode.name!r} moves {mode.life.directions} directions, not the {wanted} of its graph; "
            "export again"
        )
    attacks = mode.life.attacks
    if attacks is not None and attacks.directions != struck:
        raise BadBundle(
            f"the attacks of mode {mode.name!r} move {attacks.directions} directions, not the {struck} of its graph; "
            "export again"
        )
