"""From a session's file to sounds that can be compared."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import soundfile
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadBundle, BadConfig, StoreError
from tombola_host.playing.loudness import SILENT, loudness_lufs, matched
from tombola_host.study.sessions.passage import TARGET_LUFS, anchor, built_in, rendered
from tombola_host.study.sessions.plan import plan_of_folder, read_plan
from tombola_host.study.sessions.session import REFERENCE, open_session
from tombola_host.study.sessions.setting import Setting

PAIRS = """
name = "two"
kind = "pairs"
bundle = "FACTORY"
stimulus = [{name = "sax", blend = {sax = 1}}, {name = "quiet harp", blend = {harp = 1}, timbre = [0.2, 0.5]}]
passage = [{name = "short", notes = [[0.0, 0.3, 64, 0.7], [0.4, 0.4, 67, 0.8]]}]
"""


def _tone(hz: float, amplitude: float, seconds: float = 2.0) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(48_000 * seconds)) / 48_000)).astype(np.float32)


def test_loudness_is_that_of_bs_1770():
    assert loudness_lufs(_tone(997, 1.0)) == pytest.approx(-3.01, abs=0.02)
    assert loudness_lufs(_tone(997, 0.1)) == pytest.approx(-23.01, abs=0.02)
    # The K curve: +4 dB in the treble, 0.69 dB of which 997 Hz has; some 9 dB less at 30 Hz.
    assert loudness_lufs(_tone(8000, 0.1)) == pytest.approx(-23.01 + 4.0 - 0.69, abs=0.1)
    assert loudness_lufs(_tone(30, 0.1)) < -31
    # Gates: silence beside a sound does not make it softer.
    gapped = np.concatenate([_tone(997, 0.1), np.zeros(480_000, np.float32)])
    assert loudness_lufs(gapped) == pytest.approx(-23.01, abs=0.4)
    assert loudness_lufs(np.zeros(48_000, np.float32)) == SILENT


def test_matched_sounds_are_equally_loud_and_none_clips():
    sounds = [_tone(440, 0.5), _tone(3000, 0.02), np.zeros(4800, np.float32)]
    done = matched(sounds, -23.0)
    assert [round(loudness_lufs(sound), 2) for sound in done[:2]] == [-23.0, -23.0]
    assert not done[2].any()
    click = np.zeros(48_000, np.float32)
    click[::4800] = 1.0
    lower = matched([*sounds, click], -10.0)
    loudness = [loudness_lufs(sound) for sound in (lower[0], lower[3])]
    assert loudness[0] == pytest.approx(loudness[1], abs=0.01)
    assert max(float(np.abs(sound).max()) for sound in lower) <= 10 ** (-1 / 20) + 1e-4


def test_a_session_holds_equally_loud_sounds_of_the_real_engine_and_its_bundle(planned, factory, sha256_of):
    session = planned(PAIRS)
    files = session.sheet.sounds["short"]
    loudness = [loudness_lufs(soundfile.read(session.sound_path("short", name), dtype="float32")[0]) for name in files]
    assert loudness[0] == pytest.approx(loudness[1], abs=0.05)
    assert loudness[0] <= TARGET_LUFS + 0.05
    assert session.sheet.stimuli["sax"].bundle == sha256_of(factory)
    again = session.play([session.heard("sax", "short"), session.heard("quiet harp", "short")])
    kept = soundfile.read(session.sound_path("short", "sax"), dtype="float32")[0]
    assert float(np.abs(again[0] - kept).max()) < 1e-4
    assert open_session(session.folder).sheet == session.sheet


def test_a_setting_is_what_the_engine_plays(factory):
    bundle = decode_bundle(factory.read_bytes())
    passage = built_in(bundle)
    settings = [
        Setting({"sax": 1.0}),
        Setting({"harp": 1.0}),
        Setting({"sax": 1.0}, (0.9, 0.5)),
        Setting({"sax": 1.0}, (0.5, 0.9)),
        Setting({"sax": 1.0}, life=0.0),
    ]
    sounds = [rendered(bundle, setting, passage) for setting in settings]
    for first, second in itertools.combinations(sounds, 2):
        assert float(np.abs(first - second).max()) > 0.003
    assert np.array_equal(sounds[0], rendered(bundle, settings[0], passage))
    assert len(sounds[0]) == pytest.approx(48_000 * passage.seconds, abs=128)
    with pytest.raises(BadConfig, match="no mode 'oboe'"):
        rendered(bundle, Setting({"oboe": 1.0}), passage)


def test_anchors_are_the_reference_without_its_treble():
    noise = np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(anchor(noise, 3500.0))) ** 2
    assert spectrum[5000:].sum() / spectrum.sum() < 1e-4
    assert spectrum[:3000].sum() == pytest.approx((np.abs(np.fft.rfft(noise)) ** 2)[:3000].sum(), rel=0.01)


def test_ratings_hide_the_reference_and_two_anchors(planned, tmp_path):
    soundfile.write(tmp_path / "note.wav", _tone(440, 0.2, 1.0), 44_100)
    session = planned("""
name = "near"
kind = "ratings"
bundle = "FACTORY"
stimulus = [{name = "sax", blend = {sax = 1}}]
passage = [{name = "a", notes = [[0.0, 0.4, 69, 0.7]], reference = "note.wav"}]
""")
    assert set(session.sheet.sounds["a"]) == {"sax", REFERENCE, "anchor 3.5 kHz", "anchor 7 kHz"}
    audio = [soundfile.read(session.sound_path("a", name), dtype="float32")[0] for name in session.sheet.sounds["a"]]
    loudness = [loudness_lufs(each) for each in audio]
    assert max(loudness) - min(loudness) < 0.1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"FACTORY"', '"nowhere.tombola"'), "correct its path"),
        (("sax = 1", "oboe = 1"), "no mode 'oboe'"),
        (('kind = "pairs"', 'kind = "duel"'), "what there is not"),
        (('name = "sax"', 'name = "quiet harp"'), "two of the name"),
        (("0.3, 64", "0.3, 164"), "what there is not"),
        (("[0.4, 0.4", "[19.9, 0.4"), "longer than 20 s"),
        (('kind = "pairs"', 'kind = "ratings"'), "need a `reference`"),
        (('kind = "pairs"', 'kind = "tune"'), "give `bundle`, and no stimulus"),
        (('name = "two"', 'name = "two/../x"'), "cannot be called"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_sentence(planned, change, said):
    with pytest.raises(BadConfig, match=said) as refused:
        planned(PAIRS.replace(*change, 1))
    assert "\n" not in str(refused.value) or "what there is not" in said


def test_a_session_is_never_written_over_another_one(planned):
    planned(PAIRS)
    with pytest.raises(StoreError, match="holds a session already"):
        planned(PAIRS)


def test_a_damaged_session_is_refused_with_what_is_missing(planned):
    session = planned(PAIRS)
    session.sound_path("short", "sax").unlink()
    with pytest.raises(BadConfig, match=r"001\.flac is missing"):
        open_session(session.folder)
    bundle = session.folder / "bundles" / f"{session.sheet.stimuli['sax'].bundle}.tombola"
    bundle.write_bytes(b"other")
    with pytest.raises(BadBundle, match="another content"):
        session.play([session.heard("sax", "short")])
    path = session.folder / "session.json"
    path.write_text(path.read_text().replace('"sax": "001.flac"', '"oboe": "001.flac"'))
    with pytest.raises(BadConfig, match="names the stimulus 'oboe', which it does not describe"):
        open_session(session.folder)


def test_a_folder_of_bundles_becomes_pairs_of_all(tmp_path, factory):
    for place in ("one.tombola", "deep/two.tombola"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(factory.read_bytes())
    plan = plan_of_folder(tmp_path)
    assert [stimulus.name for stimulus in plan.stimulus] == ["deep-two", "one"]
    (tmp_path / "one.tombola").unlink()
    with pytest.raises(BadConfig, match="holds 1 bundles"):
        plan_of_folder(tmp_path)


def test_a_plan_that_is_no_toml_is_refused(tmp_path):
    (tmp_path / "x.toml").write_text("name = ")
    with pytest.raises(BadConfig, match="is not TOML"):
        read_plan(tmp_path / "x.toml")
