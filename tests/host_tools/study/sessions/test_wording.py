"""A word that listeners rated becomes a knob of the instrument along which they hear it grow."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from scipy.stats import spearmanr
from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.words import MAX_WORDS
from tombola_device.play.player import Player
from tombola_host.study.experiments.words import knob_from, random_way
from tombola_host.study.sessions.applying import learn, retuned, write_learned
from tombola_host.study.sessions.ballot import Vote, ballot_of
from tombola_host.study.sessions.knobs import Knob
from tombola_host.study.sessions.listeners import drawn_meaning, rated
from tombola_host.study.sessions.plan import read_plan
from tombola_host.study.sessions.results import read_results
from tombola_host.study.sessions.session import Stimulus, write_session
from tombola_host.study.sessions.setting import Setting, Space
from tombola_host.study.sessions.tuning import spread
from tombola_host.study.sessions.ways import STOPS, way
from tombola_host.study.sessions.wording import worded

LETTERS = "ABCDEFGHIJKLMNOPQRST"
PLAN = """
name = "warmth"
kind = "ratings"
word = "warm"
bundle = "FACTORY"
settings = 20
"""


@pytest.fixture(scope="module")
def quartet(factory) -> Bundle:
    """The factory bundle."""
    return decode_bundle(factory.read_bytes())


@pytest.fixture(scope="module")
def space(quartet) -> Space:
    """Its settings."""
    return Space(tuple(mode.name for mode in quartet.manifest.modes))


def played(bundle: Bundle, word: str, places: int = 21) -> list[Setting]:
    """What the instrument's player is set to along a knob."""
    modes = [mode.name for mode in bundle.manifest.modes]
    player = Player(len(modes), 1)
    player.set_modes(len(modes), (), bundle.manifest.words)
    found = []
    for place in np.linspace(0, 1, places):
        player.turn_word([name for name, _ in player.words].index(word), float(place))
        blend = dict(zip(modes, player.hand_blend.tolist(), strict=True))
        found.append(Setting(blend, player.timbre, player.life))
    return found


def follows(felt: np.ndarray) -> float:
    return float(spearmanr(np.arange(len(felt)), felt).statistic)


def test_along_the_knob_simulated_listeners_hear_the_word_grow_at_every_seed(quartet, space):
    grown, random = [], []
    for seed in range(300, 308):
        meaning = drawn_meaning(space, seed)
        knob = knob_from(space, meaning, listeners=3, settings=20, seed=seed)
        assert knob.good
        along = played(worded(quartet, knob), "word")
        felt = meaning(space.points(along))
        grown.append(follows(felt))
        assert felt[-1] > felt[0] + 0.3
        # Ratings of the two ends by a listener who was not asked before.
        start, end = rated(meaning, space.points([along[0], along[-1]]), seed + 10_000, error=0.0)
        assert end > start
        random.append(follows(meaning(random_way(space, seed))))
    assert min(grown) >= 0.9
    # The trivial baseline: a way in a random direction.
    assert np.mean(random) < 0.5
    assert min(random) < 0


def test_a_session_that_rated_a_word_gives_a_bundle_with_a_knob_of_that_name(sheet, tmp_path, factory, quartet, space):
    points, meaning = spread(space, len(LETTERS), np.random.default_rng(0)), drawn_meaning(space, 300)
    data = factory.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    stimuli = {
        f"setting {letter}": Stimulus(sha256, space.setting(point))
        for letter, point in zip(LETTERS, points, strict=True)
    }
    rating = msgspec.structs.replace(
        sheet("ratings", word="warm"), stimuli=stimuli, sounds={"short": dict.fromkeys(stimuli, "001.flac")}
    )
    tone = np.sin(np.arange(24_000) / 10).astype(np.float32) / 4
    session = write_session(tmp_path / "warm.session", rating, {sha256: data}, {"001.flac": tone})
    heard = {letter: session.heard(f"setting {letter}", "short") for letter in LETTERS}
    for number, listener in enumerate(("anna", "ben", "cleo")):
        ratings = dict(zip(LETTERS, rated(meaning, points, number).tolist(), strict=True))
        ballot_of(session.listeners, listener).cast(Vote(0, heard, ratings=ratings))
    results = read_results(session)
    learned = learn(results)
    paths = write_learned(learned, results, tmp_path / "learned")
    assert [path.name for path in paths] == ["scenes.json", "knobs.json", "tuned.tombola", "next.toml"]
    tuned = decode_bundle((tmp_path / "learned" / "tuned.tombola").read_bytes())
    assert [word.name for word in tuned.manifest.words] == ["warm"]
    assert tuned.graphs == quartet.graphs
    felt = meaning(space.points(played(tuned, "warm")))
    assert follows(felt) >= 0.9
    # The stops are the scenes.
    scenes = json.loads((tmp_path / "learned" / "scenes.json").read_text())
    assert list(scenes) == [f"warm {n}" for n in (0, 25, 50, 75, 100)]
    for scene, setting in zip(scenes.values(), played(tuned, "warm", STOPS), strict=True):
        assert setting.timbre == pytest.approx(scene["timbre"])
        assert setting.life == pytest.approx(scene["life"])
    # The next session rates the stops of the knob.
    following = read_plan(tmp_path / "learned" / "next.toml")
    assert (following.kind, following.word, len(following.stimulus)) == ("ratings", "warm", STOPS)
    assert (tmp_path / "learned" / following.bundle).read_bytes() == factory.read_bytes()
    assert following.stimulus[4].timbre == pytest.approx(learned.knob.at(1.0).timbre)


def knob_of(space: Space, word: str, ends: tuple[Setting, Setting]) -> Knob:
    start, end = space.points(ends)
    stops = np.linspace(start, end, STOPS)
    return Knob(word, space, end - start, stops[STOPS // 2], stops, 1.0, 0.0, 20)


ENDS = Setting({"sax": 1.0}, (0.1, 0.5)), Setting({"harp": 1.0}, (0.9, 0.7), 0.5)


def test_words_are_learned_one_after_the_other_and_one_that_is_learned_again_is_replaced(quartet, space):
    both = worded(worded(quartet, knob_of(space, "scary", ENDS)), knob_of(space, "steady", ENDS))
    again = worded(both, knob_of(space, "scary", (ENDS[1], ENDS[0])))
    assert [word.name for word in both.manifest.words] == ["scary", "steady"]
    assert {word.name: word for word in again.manifest.words}["scary"].path == both.manifest.words[0].path[::-1]
    assert decode_bundle(encode_bundle(again)).manifest.words == again.manifest.words


def test_a_word_for_which_there_is_no_room_or_no_mode_is_one_sentence(quartet, space):
    full = quartet
    for number in range(MAX_WORDS):
        full = worded(full, knob_of(space, f"w{number}", ENDS))
    with pytest.raises(BadConfig, match="has 4 knobs already"):
        worded(full, knob_of(space, "scary", ENDS))
    with pytest.raises(BadConfig, match="leads through modes that quartet does not have"):
        worded(quartet, knob_of(Space(("bells",)), "scary", (Setting({"bells": 1.0}),) * 2))
    with pytest.raises(BadConfig, match="no knob can bear the word '<b>'"):
        worded(quartet, knob_of(space, "<b>", ENDS))


def test_a_session_cannot_ask_for_a_word_that_no_knob_can_bear(planned):
    for word in ("x" * 25, "<b>warm</b>", "a/b"):
        with pytest.raises(BadConfig, match="no knob can bear the word"):
            planned(PLAN.replace('"warm"', f'"{word}"'))


def test_stops_sound_as_before_when_the_middle_of_the_timbre_moves(quartet, space):
    bundle = worded(quartet, knob_of(space, "scary", ENDS))
    moved = retuned(bundle, Setting({"sax": 1.0}, (0.2, 0.8)))

    def latents(bundle: Bundle) -> list[float]:
        """Of timbre X at the ends of the word, where one mode sounds alone."""
        found = []
        for mode, stop in ((0, 0), (3, -1)):
            low, middle, high = bundle.manifest.modes[mode].controls["timbre_x"]
            place = bundle.manifest.words[0].path[stop].timbre_x
            found.append(np.interp(place, [0, 0.5, 1], [low, middle, high]))
        return found

    assert bundle.manifest.words[0].path[0].timbre_x == pytest.approx(0.1)
    assert moved.manifest.words[0].path[0].timbre_x == pytest.approx(0.25)
    assert latents(moved) == pytest.approx(latents(bundle), abs=1e-3)


def test_a_way_bends_where_the_word_does(space):
    """A word that is strongest at half of timbre X: its way ends there, and does not run over it."""
    rng = np.random.default_rng(0)
    points = space.random(rng, 60)
    scores = -np.square(points[:, 0] - 0.5) * 20 + points[:, 1]
    stops = way(space, points, (scores - scores.mean()) / scores.std(), np.zeros(60, np.int64))
    assert stops[-1, 0] == pytest.approx(0.5, abs=0.12)
    assert abs(stops[0, 0] - 0.5) > 0.2
    assert stops[-1, 1] > stops[0, 1]


def test_several_bundles_in_one_comparison_get_no_knob(session):
    made = session("pairs", stimuli=8, word="bright")
    stimuli = {
        name: msgspec.structs.replace(each, bundle=f"{n:02}" * 32)
        for n, (name, each) in enumerate(made.sheet.stimuli.items())
    }
    made = replace(made, sheet=msgspec.structs.replace(made.sheet, kind="ratings", stimuli=stimuli))
    for listener in ("anna", "ben"):
        heard = {letter: made.heard(f"s{n}", "short") for n, letter in enumerate(LETTERS[:8], 1)}
        ballot_of(made.listeners, listener).cast(
            Vote(0, heard, ratings={letter: 10.0 * n for n, letter in enumerate(heard)})
        )
    learned = learn(read_results(made))
    assert learned.tuned is None
    assert learned.next == ""
    assert "several bundles" in learned.said[-1]
