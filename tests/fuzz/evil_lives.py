"""Bundles whose life means harm: attacks and the courses that follow them.

    manifest   courses that cannot be unpacked, are of another length, or of some modes only; velocities that cannot be
    life       motion without measure, in a mode that is held and in one that dies away; more than a set ever has

Each kind is a name and a function that gives the file's bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import onnx
import onnx.helper
import onnx.parser
from tombola_device.contract.bundle import Bundle, encode_bundle
from tombola_device.contract.controls import SCALAR_COLUMNS
from tombola_device.contract.graph import SHADES, block_graph
from tombola_device.contract.life import ATTACK_POINTS, BANDS, COURSE_POINTS, MAX_ATTACKS, MAX_FOLLOWED, Attacks, Life
from tombola_device.contract.manifest import MAX_MODES, Cost, Envelope, Manifest, Mode

Kind = tuple[str, Callable[[], bytes]]
LATENTS, LIVING, STRIKES = 11, 1, 9
BOMB_MIB = 200
QUIET, MOST_MIXED = 0.02, 1e4
"""How far a latent moves a direction: so that random courses stay sounds, and as far as a manifest may say."""
HELD, DYING = (Envelope([0.0, 0.02], [-30.0, -20.0], decay, -300.0) for decay in (0.0, -6.0))
_GRAPH = """
alive (float[voices,{columns}] controls, float[voices,3] motion, float[voices,1] level, float[voices,{shade}] shade)
   => (float[voices,128] audio)
{{
   zero = Constant<value = int64[1] {{0}}>()
   one = Constant<value = int64[1] {{1}}>()
   two = Constant<value = int64[1] {{2}}>()
   from = Constant<value = int64[1] {{{static}}}>()
   to = Constant<value = int64[1] {{{shade}}}>()
   turn = Constant<value = float[1] {{6.2831853}}>()
   tenth = Constant<value = float[1] {{0.1}}>()
   phase = Slice(motion, zero, one, one)
   pace = Slice(motion, one, two, one)
   passed = Mul(pace, time)
   turns = Add(phase, passed)
   angle = Mul(turns, turn)
   wave = Sin(angle)
   lived = Slice(shade, from, to, one)
   moved = ReduceSum(lived, one)
   nepers = Mul(moved, tenth)
   brighter = Exp(nepers)
   amplitude = Mul(level, brighter)
   audio = Mul(amplitude, wave)
}}
"""


def kinds(factory: Bundle) -> list[Kind]:
    """All kinds of evil lives. ``factory``: a bundle whose graph was trained, with life."""
    return [*refused(), *wild(factory)]


def alive(*lives: Life) -> Bundle:
    """A tone with a mode for each life, held and dying by turns; whatever the life moves makes it louder."""
    count = len(lives)
    text = _GRAPH.format(
        columns=len(SCALAR_COLUMNS) + count,
        static=count * len(SHADES),
        shade=count * (len(SHADES) + LIVING) + STRIKES,
    )
    graph = onnx.parser.parse_graph(text)
    graph.initializer.append(onnx.numpy_helper.from_array(np.arange(128, dtype=np.float32), "time"))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    modes = [
        Mode(f"mode {index}", "#a0b0c0", (36.0, 96.0), (HELD, DYING)[index % 2], life=life)
        for index, life in enumerate(lives)
    ]
    described = block_graph(count, motion=True, directions=len(SHADES) + LIVING, strikes=STRIKES)
    manifest = Manifest("alive", "tones", modes, {"frame": described}, Cost(0, 0, 20, 0))
    return Bundle(manifest, {"frame": model.SerializeToString()})


def life(
    recordings: int = 4,
    courses: bytes | None = None,
    mixed: float = 0.1,
    **attacks: Any,
) -> Life:
    """A life whose notes follow recordings. ``courses``: as they stand in the manifest; None: at rest; empty: none."""
    if courses is None:
        courses = zlib.compress(bytes(recordings * LATENTS * COURSE_POINTS))
    notes = attacks.pop("notes", np.linspace(36.0, 96.0, recordings).tolist())
    moved, struck = (STRIKES, STRIKES) if courses else (LIVING, LIVING + STRIKES)
    takes = [bytes(ATTACK_POINTS * (2 + struck))] * recordings
    own = Attacks(notes, takes, courses, **attacks)
    mixing = (mixed * np.random.default_rng(0).choice([-1.0, 1.0], (LATENTS, 2 + moved))).tolist()
    return Life(mixing, [[[0.0] * BANDS] * LATENTS], attacks=own)  # All that moves is in the courses.


def noise(recordings: int, latents: int = LATENTS, seed: int = 0) -> bytes:
    """Courses of bytes at random, to full scale."""
    return zlib.compress(np.random.default_rng(seed).bytes(recordings * latents * COURSE_POINTS))


def leaping() -> Bundle:
    """A bundle whose notes are at rest but for two moments, 2.7 and 3.5 s after the onset, when one is far too loud."""
    points = np.zeros((4, LATENTS, COURSE_POINTS), np.int8)
    points[..., COURSE_POINTS // 2], points[..., COURSE_POINTS * 5 // 8] = 127, -127
    return alive(life(courses=zlib.compress(points.tobytes()), mixed=10.0), life())


def refused() -> Iterator[Kind]:
    """What contradicts itself: it is seen in the manifest."""
    size = 4 * LATENTS * COURSE_POINTS
    packed = zlib.compress(bytes(size))
    for name, courses in {
        "are no zlib": lambda: b"no zlib",
        "are cut": lambda: packed[:-1],
        "have another sum": lambda: packed[:-1] + b"\0",
        "are a byte too short": lambda: zlib.compress(bytes(size - 1)),
        "are a byte too long": lambda: zlib.compress(bytes(size + 1)),
        "have more behind them": lambda: packed + b"\0",
        "are packed twice": lambda: zlib.compress(packed),
        "are packed without a head": lambda: zlib.compress(bytes(size), wbits=-15),
        f"are {BOMB_MIB} MiB of zeros": bomb,
    }.items():
        yield f"manifest: courses of attacks {name}", lambda made=courses: lying(courses=made())
    for name, velocities in {
        "one too few": [0.5] * 3,
        "one too many": [0.5] * 5,
        "one beyond full": [0.5, 0.5, 0.5, 1.1],
        "one below none": [-0.1, 0.5, 0.5, 0.5],
    }.items():
        yield f"manifest: velocities of attacks, {name}", lambda said=velocities: lying(velocities=said)
    yield (
        f"manifest: {MAX_ATTACKS} recordings to follow in each of {MAX_MODES} modes",
        lambda: encode_bundle(alive(*[life(MAX_ATTACKS)] * MAX_MODES)),
    )
    yield "manifest: one mode follows recordings and one does not", lambda: encode_bundle(alive(life(), life(4, b"")))


def bomb() -> bytes:
    """Many zeros, packed."""
    packer, piece = zlib.compressobj(), bytes(1 << 20)
    return b"".join([*(packer.compress(piece) for _ in range(BOMB_MIB)), packer.flush()])


def lying(**fields: Any) -> bytes:
    """A bundle whose attacks say what no ``Attacks`` can hold, behind right hashes."""
    good = alive(life())
    for name, value in fields.items():
        msgspec.structs.force_setattr(good.manifest.modes[0].life.attacks, name, value)
    return encode_bundle(good)


def wild(factory: Bundle) -> Iterator[Kind]:
    """What may be said, and moves a note without measure."""
    still = life()
    for mixed in (QUIET, 1.0, MOST_MIXED):
        moving = life(courses=noise(4), mixed=mixed)
        yield f"life: random courses × {mixed:g} in a held mode", lambda m=moving: encode_bundle(alive(m, still))
        yield f"life: random courses × {mixed:g} in a dying mode", lambda m=moving: encode_bundle(alive(still, m))
    bent = life(courses=noise(4), mixed=QUIET)
    for row in bent.mixing:
        row[:2] = [MOST_MIXED, -MOST_MIXED]
    yield "life: random courses of pitch and level in a held mode", lambda: encode_bundle(alive(bent, still))
    yield "life: random courses of pitch and level in a dying mode", lambda: encode_bundle(alive(still, bent))
    yield (
        "life: a course that leaps after three seconds",
        lambda: encode_bundle(leaping()),
    )
    for name, velocities in {"equal": [0.5] * 4, "0": [0.0] * 4, "1": [1.0] * 4}.items():
        own = life(courses=noise(4), mixed=QUIET, velocities=velocities)
        yield f"life: velocities that are all {name}", lambda o=own: encode_bundle(alive(o, still))
        alike = life(courses=noise(4), mixed=QUIET, velocities=velocities, notes=[60.0] * 4)
        yield f"life: velocities that are all {name}, of one note", lambda o=alike: encode_bundle(alive(o, still))
    yield (
        f"life: {MAX_FOLLOWED} recordings to follow, in {MAX_MODES} modes",
        lambda: encode_bundle(alive(*[life(MAX_FOLLOWED // MAX_MODES)] * MAX_MODES)),
    )
    yield (
        f"life: {MAX_ATTACKS} attacks in each of {MAX_MODES} modes",
        lambda: encode_bundle(alive(*[life(MAX_ATTACKS, b"")] * MAX_MODES)),
    )
    yield "life: random courses in a factory set", lambda: encode_bundle(noisy(factory))


def noisy(good: Bundle) -> Bundle:
    """The bundle with courses at random in place of its own."""
    modes = []
    for index, mode in enumerate(good.manifest.modes):
        own = mode.life
        assert own is not None
        assert own.attacks is not None
        courses = noise(len(own.attacks.notes), len(own.mixing), index)
        attacks = msgspec.structs.replace(own.attacks, courses=courses)
        modes.append(msgspec.structs.replace(mode, life=msgspec.structs.replace(own, attacks=attacks)))
    return replace(good, manifest=msgspec.structs.replace(good.manifest, modes=modes))
