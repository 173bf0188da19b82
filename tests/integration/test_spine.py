"""From folders of recordings to a bundle that plays the right notes: all stages, each as short as possible."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.controls import SAMPLE_RATE_HZ
from tombola_device.play.offline import BlendAutomation, PerformedEvent, render_performance
from tombola_host.evaluation.pitch import pitch_error
from tombola_host.generators.presets import PRESETS, Preset
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.merging.size import MergedSize
from tombola_host.progress import Silent
from tombola_host.report.build_page import write_page
from tombola_host.runs.store import RunStore
from tombola_host.study import trial
from tombola_host.study.build import Settings, build
from tombola_host.training.effort import EFFORTS, Effort, Length

NOTES = {"A2": 45, "D3": 50, "G3": 55, "C4": 60}
STEPS = Length(control_steps=2, audio_steps=2, control_windows=2, audio_windows=2)


def record(path, note, tilt, *, struck):
    time_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    f0_hz = 440 * 2 ** ((note - 69) / 12)
    sound = sum(np.exp(-tilt * h) * np.sin(2 * np.pi * f0_hz * h * time_s + h) for h in range(1, 25))
    sound += 0.003 * np.random.default_rng(note).standard_normal(len(time_s))
    envelope = np.minimum(time_s / 0.02, 1) * (np.exp(-4 * time_s) if struck else np.minimum((1 - time_s) / 0.1, 1))
    soundfile.write(path, 0.3 * sound * envelope, SAMPLE_RATE_HZ, subtype="PCM_16")


@pytest.fixture(scope="module")
def making(tmp_path_factory):
    """A folder for runs, and a function that builds by a method."""
    root = tmp_path_factory.mktemp("spine")
    folders = {}
    for name, tilt, struck in (("horn", 0.5, False), ("pluck", 0.15, True)):
        folders[name] = root / name
        folders[name].mkdir()
        for label, note in NOTES.items():
            record(folders[name] / f"{name} {label}.wav", note, tilt, struck=struck)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        patch.setitem(EFFORTS, "tiny", Effort(STEPS, shares=(0.6, 0.4), ticket=STEPS, merge=STEPS, scratch=STEPS))
        patch.setattr(trial, "LENGTH", STEPS)
        patch.setitem(PRESETS, "voice", Preset({"small": {"input": 16, "hidden": 16}}))
        patch.setattr(trial, "DENSITY", 0.6)
        store = RunStore(root / "runs")

        def make(method, *, compare):
            settings = Settings("tiny", dense=VoiceSize(32, 32), size=MergedSize(16, 12, 2), workers=1, method=method)
            return build("spine", folders, settings, store, Silent(), compare=compare)

        yield store, make


@pytest.fixture(scope="module")
def built(making):
    return making[1]("core", compare=True)


@pytest.fixture(scope="module")
def bundle(built):
    """The bundle, read from the disk."""
    return decode_bundle((built.run.path / "bundle.tombola").read_bytes())


def note_on(note, mode, seconds=1.0):
    return [PerformedEvent(0.0, "program_change", (mode,)), PerformedEvent(0.0, "note_on", (note, 0.8))], seconds


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("note", [45, 52.0, 64])
def test_the_engine_plays_the_note_that_was_asked_for(bundle, mode, note):
    events, seconds = note_on(note, mode)
    sound = render_performance(bundle, events, seconds=seconds, voices=1)
    error = pitch_error(sound, note)
    assert error.median_cents < 1
    assert error.p95_cents < 5


def test_sound_leaves_within_the_first_period_and_ends_with_the_note(bundle):
    events, _ = note_on(57, 0)
    sound = render_performance(bundle, [*events, PerformedEvent(0.5, "note_off", (57,))], voices=2)
    assert np.abs(sound[:128]).max() > 1e-5
    assert np.abs(sound[-128:]).max() == 0.0
    assert 0.5 < len(sound) / SAMPLE_RATE_HZ < 2.0


def test_the_envelopes_are_those_of_the_recordings(bundle):
    horn, pluck = bundle.manifest.modes
    assert horn.envelope.decay_db_per_s == 0.0
    assert pluck.envelope.decay_db_per_s == pytest.approx(-4 * 20 / np.log(10), abs=2.0)
    assert horn.note_range == pytest.approx((45.0, 60.0), abs=0.1)


def test_a_blend_of_both_modes_is_one_sound_without_a_hole(bundle):
    events, _ = note_on(52, 0)
    sweep = BlendAutomation((0.3, 1.3), ((1.0, 0.0), (0.6, 0.4)))
    sound = render_performance(bundle, events, blend=sweep, seconds=1.5, voices=1)
    level_db = 10 * np.log10(np.mean(sound[: 70 * 1024].reshape(-1, 1024) ** 2, axis=1))
    assert np.abs(np.diff(level_db[8:])).max() < 2.0


def test_the_run_records_all_its_stages(built, bundle):
    facts = built.run.result()
    assert facts["tickets"] == [run.name for run in built.tickets]
    assert bundle.manifest.provenance["run"] == facts["merged"] == built.merged.name
    assert bundle.manifest.cost.nodes <= 27
    assert bundle.manifest.cost.state_tensors == 2
    rows = built.comparison.result()["rows"]
    assert [row["name"] for row in rows] == ["isolated", "mixture", "joint", "merged"]


def test_a_build_from_scratch_leaves_no_ticket_and_its_page_says_so(making, tmp_path, monkeypatch):
    monkeypatch.setattr("tombola_host.report.build_page.BENCH_S", 0.2)
    store, make = making
    built = make("joint", compare=False)
    facts = built.run.result()
    assert (facts["method"], facts["tickets"], facts["dense"], built.comparison) == ("joint", [], [], None)
    manifest = decode_bundle((built.run.path / "bundle.tombola").read_bytes()).manifest
    assert (manifest.provenance["method"], manifest.cost.nodes) == ("joint", 26)
    write_page(built.run, store, tmp_path / "page.html", Silent())
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "There is no lottery ticket in it." in page
    for row in trial.load_rows(built.trial):
        assert f"{row.name}</td>" in page
