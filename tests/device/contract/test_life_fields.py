"""The life of a mode and the shade of a graph in the manifest: what contradicts itself or has no bound is refused."""

from __future__ import annotations

import base64
import json
import tracemalloc
import zlib
from typing import Any

import msgspec
import numpy as np
import pytest
from tombola_device.contract.bundle import MAX_MANIFEST_BYTES
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import MAX_DIRECTIONS, MAX_STRIKES, SHADES, Port, block_graph, dynamics_of
from tombola_device.contract.life import (
    ATTACK_POINTS,
    BANDS,
    COURSE_POINTS,
    LOWEST_HZ,
    MAX_ATTACKS,
    MAX_LATENTS,
    MAX_TAKES,
    Attacks,
    Life,
    band_edges_hz,
)
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode, decode_manifest, encode_manifest

LIVING, STRIKES = 2, 3
TAKE = bytes(range(ATTACK_POINTS)) * (2 + STRIKES)
OWN_TAKE = bytes(range(ATTACK_POINTS)) * (2 + LIVING + STRIKES)
COURSE = bytes(range(COURSE_POINTS)) * 2
LIFE = Life(
    [[5.0, 0.5, 1.0, 0.0, 0.5], [0.0, 1.0, 0.0, 1.0, -0.5]],
    [[[0.5] * BANDS] * 2] * 3,
    onset_s=0.3,
    attacks=Attacks([55.0, 60.5], [TAKE, TAKE], zlib.compress(COURSE * 2), [0.5, 1.0]),
    courses=[COURSE, COURSE[::-1]],
)
OWN = Life(
    [[5.0, 0.5, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]],
    [[[0.5] * BANDS] * 2] * 3,
    attacks=Attacks([55.0, 60.5], [OWN_TAKE, OWN_TAKE]),
)
"""A life that follows no recording moves the directions of its own mode."""
COURSE_64, TWICE_64 = (base64.b64encode(COURSE * times).decode() for times in (1, 2))
PACKED_64, ONE_64, SHORT_64, LONG_64, BROKEN_64, MORE_64 = (
    base64.b64encode(data).decode()
    for data in (
        zlib.compress(COURSE * 2),
        zlib.compress(COURSE),
        zlib.compress(COURSE * 2 + COURSE[:1])[:-9],
        zlib.compress(bytes(1 << 20)),
        b"no zlib",
        zlib.compress(COURSE * 2) + b"more",
    )
)
TAKE_64 = base64.b64encode(TAKE).decode()
ENVELOPE = Envelope([0.0, 0.05], [-40.0, -18.0], 0.0, -60.0)
MODE = Mode("violin", "#a03020", (55.0, 96.0), ENVELOPE, life=LIFE, recorded_db=-4.5, knobs={"timbre_x": "brighter"})
GRAPH = block_graph(1, 8, motion=True, directions=len(SHADES) + LIVING, strikes=STRIKES)
MANIFEST = Manifest("alive", "voice", [MODE], {"frame": GRAPH}, Cost(100, 200, 30, 1))


def changed(path: str, value: object) -> bytes:
    """The manifest's JSON with another value in one field, given as a path like ``modes.0.name``."""
    tree: Any = json.loads(encode_manifest(MANIFEST))
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = tree
    for step in parents:
        place = place[step]
    place[last] = value
    return json.dumps(tree).encode()


def test_decoding_gives_back_the_life_that_was_encoded() -> None:
    read = decode_manifest(encode_manifest(MANIFEST))
    assert read == MANIFEST
    assert read.modes[0].life == LIFE
    assert (GRAPH.modes, GRAPH.directions, GRAPH.strikes) == (1, len(SHADES) + LIVING, STRIKES)
    assert LIFE.attacks is not None
    assert (LIFE.follows, LIFE.directions, LIFE.attacks.directions) == (True, STRIKES, STRIKES)
    still = msgspec.structs.replace(MODE, life=None)
    assert decode_manifest(encode_manifest(msgspec.structs.replace(MANIFEST, modes=[still]))).modes[0].life is None


def test_a_life_that_follows_no_recording_moves_the_directions_of_its_mode_as_ever() -> None:
    assert OWN.attacks is not None
    assert (OWN.follows, OWN.directions, OWN.attacks.directions) == (False, LIVING, LIVING + STRIKES)
    read = decode_manifest(encode_manifest(bundle_of(OWN)))
    assert read.modes[0].life == OWN
    for courses, attacks in ((b"", [TAKE] * 2), (zlib.compress(COURSE * 2), [OWN_TAKE] * 2)):
        mixed = msgspec.structs.replace(OWN, attacks=Attacks([55.0, 60.5], attacks, courses))
        with pytest.raises(BadBundle, match=r"not the 3 of its graph|not the 5 of its graph"):
            decode_manifest(encode_manifest(bundle_of(mixed)))


def bundle_of(*lives: Life | None) -> Manifest:
    """A manifest of one graph, with a mode for each life."""
    modes = [msgspec.structs.replace(MODE, name=f"m{index}", life=life) for index, life in enumerate(lives)]
    graph = block_graph(len(lives), 8, motion=True, directions=len(SHADES) + LIVING, strikes=STRIKES)
    return msgspec.structs.replace(MANIFEST, modes=modes, graphs={"frame": graph})


@pytest.mark.parametrize("lives", [(LIFE, OWN), (OWN, None, LIFE), (LIFE, msgspec.structs.replace(OWN, attacks=None))])
def test_modes_of_one_graph_of_which_some_follow_recordings_are_refused(lives: tuple[Life | None, ...]) -> None:
    with pytest.raises(BadBundle, match="some modes of the graph 'frame' follow recordings and some do not; export"):
        decode_manifest(encode_manifest(bundle_of(*lives)))


@pytest.mark.parametrize("lives", [(LIFE, LIFE), (OWN, OWN), (LIFE, None), (None, OWN)])
def test_modes_that_all_follow_or_none_are_taken_beside_still_ones(lives: tuple[Life | None, ...]) -> None:
    assert [mode.life for mode in decode_manifest(encode_manifest(bundle_of(*lives))).modes] == list(lives)


def test_bands_are_quarters_of_an_octave_from_the_lowest_to_beyond_the_fastest_tremolo() -> None:
    edges = np.array(band_edges_hz())
    assert edges[0] == LOWEST_HZ
    assert edges[1:] / edges[:-1] == pytest.approx([2**0.25] * BANDS)
    assert edges[-1] == pytest.approx(64.6, abs=0.1)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("modes.0.life.mixing", [[5.0, 0.5, 1.0, 0.0, 0.5], [0.0, 1.0, 0.0, 1.0]], "rows of different lengths"),
        ("modes.0.life.mixing", [[5.0, 0.5, 1.0, 0.0, 0.5]], "rows of different lengths"),
        ("modes.0.life.takes", [[[0.5] * BANDS] * 2, [[0.5] * BANDS]], "rows of different lengths"),
        ("modes.0.life.mixing", [[5.0, 0.5, 1.0]] * 2, "moves 1 directions, not the 3 of its graph"),
        ("modes.0.life.mixing", [[5.0, 0.5]] * 2, "moves 0 directions, not the 3 of its graph"),
        ("modes.0.life.mixing", [[5.0, 0.5, 1.0, 0.0]] * 2, "moves 2 directions, not the 3 of its graph"),
        ("modes.0.life.mixing", [[5.0]] * 2, "mixing"),
        ("modes.0.life.mixing", [], "mixing"),
        ("modes.0.life.mixing", [[0.0] * 5] * (MAX_LATENTS + 1), "mixing"),
        ("modes.0.life.takes", [], "takes"),
        ("modes.0.life.takes", [[[0.5] * BANDS] * 2] * (MAX_TAKES + 1), "takes"),
        ("modes.0.life.takes.0.0", [0.5] * (BANDS - 1), "takes"),
        ("modes.0.life.takes.0.0", [0.5] * (BANDS + 1), "takes"),
        ("modes.0.life.takes.0.0.7", -0.1, "takes"),
        ("modes.0.life.takes.0.0.7", 10_001.0, "takes"),
        ("modes.0.life.mixing.0.0", -10_001.0, "mixing"),
        ("modes.0.life.onset_s", -0.1, "onset_s"),
        ("modes.0.life.onset_s", 10.1, "onset_s"),
        ("modes.0.life.rate_hz", 5.0, "rate_hz"),
        ("modes.0.life.attacks.takes", [TAKE_64, TAKE_64[4:]], "rows of different lengths"),
        ("modes.0.life.attacks.takes", [TAKE_64[:-4]] * 2, "rows of different lengths"),
        ("modes.0.life.attacks.takes", [TAKE_64], "not one for each of its rising notes"),
        ("modes.0.life.attacks.notes", [60.5, 55.0], "not one for each of its rising notes"),
        ("modes.0.life.attacks.notes", [55.0, 127.5], "notes"),
        ("modes.0.life.attacks.notes", [], "notes"),
        ("modes.0.life.attacks.takes", [TAKE_64] * (MAX_ATTACKS + 1), "takes"),
        ("modes.0.life.attacks.takes.0", "", "takes"),
        ("modes.0.life.attacks.takes.0", "no base 64", "takes"),
        ("modes.0.life.attacks.takes.0", [1, 2], "takes"),
        (
            "modes.0.life.attacks",
            {"notes": [60.0], "takes": ["A" * 200], "courses": ONE_64},
            "move 4 directions, not the 3 of its graph",
        ),
        ("modes.0.life.attacks", {"notes": [60.0], "takes": ["AAAA"]}, "rows of different lengths"),
        ("modes.0.life.attacks.courses", "", "moves 3 directions, not the 2 of its graph"),
        ("modes.0.life.attacks.courses", SHORT_64, "cannot be unpacked"),
        ("modes.0.life.attacks.courses", LONG_64, "cannot be unpacked"),
        ("modes.0.life.attacks.courses", BROKEN_64, "cannot be unpacked"),
        ("modes.0.life.attacks.courses", MORE_64, "cannot be unpacked"),
        ("modes.0.life.attacks.courses", [COURSE_64], "courses"),
        ("modes.0.life.attacks.velocities", [0.5], "not one for each of its attacks"),
        ("modes.0.life.attacks.velocities", [0.5, 1.1], "velocities"),
        ("modes.0.life.courses", [COURSE_64[4:]], "not the length of its latents"),
        ("modes.0.life.courses", [COURSE_64, TWICE_64], "not the length of its latents"),
        ("modes.0.life.courses", [COURSE_64] * (MAX_TAKES + 1), "courses"),
        ("modes.0.life.courses", ["", COURSE_64], "courses"),
        ("modes.0.life.courses", ["no base 64"], "courses"),
        ("modes.0.life.courses", [[1, 2]], "courses"),
        ("modes.0.life.courses", None, "courses"),
        ("graphs.frame.strikes", STRIKES - 1, "moves 3 directions, not the 2 of its graph"),
        ("graphs.frame.strikes", -1, "strikes"),
        ("graphs.frame.strikes", 33, "strikes"),
        ("modes.0.recorded_db", 0.1, "recorded_db"),
        ("modes.0.recorded_db", -97.0, "recorded_db"),
        ("modes.0.knobs.timbre_x", "a/../b", "knobs"),
        ("modes.0.knobs.timbre_x", "brighter\n", "knobs"),
        ("modes.0.knobs.timbre_x", "", "knobs"),
    ],
)
def test_a_life_that_contradicts_itself_is_refused_in_one_sentence(path: str, value: object, said: str) -> None:
    with pytest.raises(BadBundle, match=said) as caught:
        decode_manifest(changed(path, value))
    assert "\n" not in str(caught.value)
    assert "export" in str(caught.value)


@pytest.mark.parametrize("digits", ["1" + "0" * 400, "1e400", "-1e308", "NaN", "1e308", str(2**64)])
@pytest.mark.parametrize("path", ["mixing.0.0", "mixing.1.3", "takes.2.1.30", "onset_s"])
def test_every_number_of_a_life_is_bounded(path: str, digits: str) -> None:
    text = changed(f"modes.0.life.{path}", "the number").replace(b'"the number"', digits.encode())
    assert digits.encode() in text
    with pytest.raises(BadBundle):
        decode_manifest(text)


@pytest.mark.parametrize(
    ("modes", "shape", "motion"),
    [(1, [2], True), (1, [MAX_DIRECTIONS + 1], True), (2, [11], True), (1, [5], False), (1, [5, 2], True)],
)
def test_a_shade_that_no_graph_can_have_is_refused(modes: int, shape: list[int], motion: bool) -> None:  # noqa: FBT001
    graph = block_graph(modes, 8, motion=motion)
    graph = msgspec.structs.replace(graph, ports=[*graph.ports, Port("shade", "shade", shape)])
    named = [msgspec.structs.replace(MODE, name=f"m{index}", life=None) for index in range(modes)]
    manifest = msgspec.structs.replace(MANIFEST, modes=named, graphs={"frame": graph})
    with pytest.raises(BadBundle, match="shade") as caught:
        decode_manifest(encode_manifest(manifest))
    assert "export again" in str(caught.value)


@pytest.mark.parametrize("modes", [1, 2, 16])
def test_modes_may_share_more_directions_than_each_has_of_its_own(modes: int) -> None:
    graph = block_graph(modes, 8, motion=True, directions=len(SHADES) + 1, strikes=MAX_STRIKES)
    assert (graph.modes, graph.directions, graph.strikes) == (modes, len(SHADES) + 1, MAX_STRIKES)
    attacks = Attacks([60.0], [bytes(ATTACK_POINTS * (2 + MAX_STRIKES))], zlib.compress(COURSE))
    life = Life([[0.5] * (2 + MAX_STRIKES)] * 2, [[[0.5] * BANDS] * 2], attacks=attacks)
    named = [msgspec.structs.replace(MODE, name=f"m{index}", life=life) for index in range(modes)]
    manifest = msgspec.structs.replace(MANIFEST, modes=named, graphs={"frame": graph})
    assert decode_manifest(encode_manifest(manifest)) == manifest


def test_directions_of_no_shade_are_not_shared() -> None:
    graph = msgspec.structs.replace(block_graph(1, 8, motion=True), strikes=1)
    still = msgspec.structs.replace(MODE, life=None)
    with pytest.raises(BadBundle, match="share 1 directions of no shade; export again"):
        decode_manifest(encode_manifest(msgspec.structs.replace(MANIFEST, modes=[still], graphs={"frame": graph})))


def test_dynamics_stand_in_the_third_place_of_each_mode() -> None:
    shade = np.arange(2 * 3 * 5).reshape(3, 10)
    assert dynamics_of(shade, 2).tolist() == [[2, 5], [12, 15], [22, 25]]
    shared = np.concatenate([shade, np.full((3, 40), -1)], axis=1)
    assert dynamics_of(shared, 2).tolist() == [[2, 5], [12, 15], [22, 25]]


def test_life_without_courses_is_written_and_read_as_before_there_were_any() -> None:
    old = msgspec.structs.replace(LIFE, courses=[], attacks=Attacks([55.0, 60.5], [TAKE, TAKE]))
    tree = json.loads(msgspec.json.encode(old))
    assert tree.pop("courses") == []
    assert tree["attacks"].pop("courses") == ""
    assert tree["attacks"].pop("velocities") == []
    assert msgspec.json.decode(json.dumps(tree), type=Life) == old


def test_the_notes_of_a_bundle_follow_320_recordings_at_most() -> None:
    def following(count: int, recordings: int, packed: bytes) -> Manifest:
        notes = np.linspace(40.0, 80.0, recordings).tolist()
        life, take = (LIFE, TAKE) if packed else (OWN, OWN_TAKE)
        life = msgspec.structs.replace(life, attacks=Attacks(notes, [take] * recordings, packed))
        return bundle_of(*[life] * count)

    packed = {recordings: zlib.compress(COURSE * recordings) for recordings in (30, 32)}
    most = following(10, 32, packed[32])
    assert decode_manifest(encode_manifest(most)) == most
    with pytest.raises(BadBundle, match="follow 330 recordings; 320 are possible, so build it with fewer"):
        decode_manifest(encode_manifest(following(11, 30, packed[30])))
    assert decode_manifest(encode_manifest(following(16, 32, b"")))  # Attacks alone are smaller.


def test_courses_are_unpacked_as_they_were_packed_and_never_further_than_they_may() -> None:
    assert LIFE.attacks is not None
    assert LIFE.attacks.followed(2) == COURSE * 2
    assert Attacks([60.0], [TAKE]).followed(2) == b""
    with pytest.raises(BadBundle, match="cannot be unpacked"):
        LIFE.attacks.followed(3)
    bomb = zlib.compress(bytes(200_000_000), 9)
    tracemalloc.start()
    with pytest.raises(BadBundle, match="cannot be unpacked"):
        Attacks([60.0], [TAKE], bomb).followed(2)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_sixteen_modes_of_many_recordings_fit_the_manifest() -> None:
    """Ten latents in four takes of noise, twenty attacks and courses each that hardly compress, long envelopes."""
    rng = np.random.default_rng(0)
    takes = np.round(rng.exponential(3.0, (4, 10, BANDS)), 3).tolist()
    points = rng.normal(0.0, 6.0, (20, 10, COURSE_POINTS)).round().astype(np.int8)
    attacks = [rng.bytes(ATTACK_POINTS * (2 + 8)) for _ in range(20)]
    own = Attacks(np.linspace(40.0, 80.0, 20).tolist(), attacks, zlib.compress(points.tobytes(), 9), [0.5] * 20)
    life = Life(np.round(rng.standard_normal((10, 10)), 3).tolist(), takes, attacks=own)
    envelope = Envelope([round(0.0167 * point, 4) for point in range(60)], [-20.123] * 60, -3.21, -120.5)
    modes = [msgspec.structs.replace(MODE, name=f"m{index}", envelope=envelope, life=life) for index in range(16)]
    graphs = {"frame": block_graph(16, 300, motion=True, directions=len(SHADES) + 1, strikes=8)}
    data = encode_manifest(msgspec.structs.replace(MANIFEST, modes=modes, graphs=graphs))
    assert 512 * 1024 < len(data) < MAX_MANIFEST_BYTES
    assert len(decode_manifest(data).modes) == 16
