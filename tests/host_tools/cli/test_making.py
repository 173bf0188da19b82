"""The commands that learn: what they refuse before anything is analysed, what they ask for and what they end with."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadBundle, BadConfig, StoreError
from tombola_host.cli import making
from tombola_host.cli.app import check_output
from tombola_host.study.plan import build_parts, check_build
from tombola_host.training.effort import EFFORTS

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"


@pytest.mark.usefixtures("_nothing_is_analysed")
@pytest.mark.parametrize("command", ["build", "export", "train", "ticket", "merge"])
def test_an_unknown_effort_is_refused_before_anything_is_analysed(tombola, command, folders, tmp_path):
    out = ["-o", tmp_path / "x.tombola"] if command in {"build", "export"} else []
    with pytest.raises(BadConfig, match="no effort 'fast'; choose one of: quick, normal, long"):
        tombola(command, *folders, *out, "--effort", "fast", "--runs", tmp_path / "runs")


@pytest.mark.usefixtures("_nothing_is_analysed")
@pytest.mark.parametrize("option", ["--family", "--criterion", "--schedule", "--method"])
def test_an_unknown_name_is_refused_before_anything_is_analysed_and_the_known_ones_are_told(
    tombola, option, folders, tmp_path
):
    with pytest.raises(BadConfig, match="there is no .*'nobody'.*choose|'nobody'.*one of"):
        tombola("build", *folders, "-o", tmp_path / "x.tombola", option, "nobody", "--runs", tmp_path / "runs")


@pytest.mark.usefixtures("_nothing_is_analysed")
@pytest.mark.parametrize(
    ("mode", "out", "error", "words"),
    [
        ("sax/alto", "x.tombola", BadConfig, "the mode cannot be called 'sax/alto'; use 1 to 64 letters"),
        ("s" * 65, "x.tombola", BadConfig, "the mode cannot be called"),
        ("sax", "x!.tombola", BadConfig, "the bundle cannot be called 'x!'"),
        ("sax", ".", BadConfig, "is a folder; name the file"),
        ("sax", "sax/0.wav/x.tombola", StoreError, "cannot be written to; choose another folder"),
    ],
)
def test_what_would_fail_at_the_end_is_refused_at_the_start(tombola, folders, tmp_path, mode, out, error, words):
    folder = folders[0].partition("=")[2]
    with pytest.raises(error, match=words):
        tombola("build", f"{mode}={folder}", "-o", tmp_path / out, "--runs", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("_nothing_is_analysed")
@pytest.mark.parametrize("command", ["build", "export", "train", "ticket", "merge", "evaluate"])
@pytest.mark.parametrize("name", ["", "../../up", "sax\n", "s" * 70, "\u202esax"])
def test_a_mode_whose_name_no_bundle_can_hold_is_refused_before_anything_is_trained(
    tombola, command, name, folders, tmp_path
):
    out = {"build": ["-o", tmp_path / "x.tombola"], "export": ["-o", tmp_path / "x.tombola"], "evaluate": [QUARTET]}
    runs = ["--runs", tmp_path / "runs"] if command != "evaluate" else []
    _, _, folder = folders[0].partition("=")
    with pytest.raises(BadConfig, match="the mode cannot be called"):
        tombola(command, *out.get(command, []), f"{name}={folder}", *runs)
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("_nothing_is_analysed")
@pytest.mark.parametrize("command", ["build", "export", "train", "ticket", "merge"])
def test_runs_that_cannot_be_kept_are_refused_before_anything_is_analysed(tombola, command, folders, tmp_path):
    out = ["-o", tmp_path / "x.tombola"] if command in {"build", "export"} else []
    runs = tmp_path / "sax" / "0.wav"
    with pytest.raises(StoreError, match=r"0\.wav cannot be written to; choose another folder"):
        tombola(command, *folders, *out, "--runs", runs)


@pytest.mark.usefixtures("_nothing_is_analysed")
def test_a_mode_that_the_bundle_lacks_is_told_before_its_recordings_are_analysed(tombola, folders):
    with pytest.raises(BadConfig, match="no mode 'kazoo'; name one of sax, violin, flute, harp"):
        tombola("evaluate", QUARTET, folders[0], f"kazoo={folders[1].partition('=')[2]}")


@pytest.mark.parametrize("modes", [0, 17])
def test_no_modes_or_too_many_are_refused(modes):
    with pytest.raises(BadConfig, match=f"{modes} modes were given; a bundle has 1 to 16"):
        check_build("x", {f"mode {number}": Path() for number in range(modes)})


@pytest.mark.usefixtures("_nothing_is_analysed")
def test_a_dry_run_says_what_would_be_done_and_does_nothing(tombola, folders, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    command = ["build", *folders, "-o", tmp_path / "mine.tombola", "--runs", tmp_path / "runs", "--dry-run"]
    plan = json.loads(tombola(*command, "--json").output)
    assert {name: mode["recordings"] for name, mode in plan["modes"].items()} == {"sax": 3, "harp": 2}
    assert [Path(path).name for path in plan["sounds"]] == ["mine-1-sax.wav", "mine-2-harp.wav", "mine-blend.wav"]
    assert plan["seconds"] == pytest.approx(
        sum(
            part.seconds
            for part in build_parts(
                making.parse_folders(folders), EFFORTS["normal"], None, compare=False, tickets=False
            )
        ),
        abs=1,
    )
    told = tombola(*command).output
    assert f"3 recordings in {tmp_path / 'sax'}" in told
    assert "in about" in told
    assert sorted(tmp_path.rglob("*")) == before


def test_comparing_costs_time_only_where_it_is_asked_for(folders):
    modes = making.parse_folders(folders)
    plain, compared = (build_parts(modes, EFFORTS["quick"], 1, compare=compare) for compare in (False, True))
    assert {part.title for part in compared} - {part.title for part in plain} == {
        "learning another way, to compare",
        "comparing",
    }
    assert sum(part.seconds for part in compared) > 1.3 * sum(part.seconds for part in plain)


@pytest.mark.parametrize(("option", "compare"), [([], False), (["--compare"], True)])
def test_a_build_compares_only_when_asked_and_ends_in_sound(tombola, folders, tmp_path, monkeypatch, option, compare):
    bundle = decode_bundle(QUARTET.read_bytes())
    asked = []

    def build(name, modes, settings, store, reporter, *, compare):
        asked.append(compare)
        run = SimpleNamespace(path=tmp_path / "runs" / "build-1")
        return SimpleNamespace(materials=(), bundle=bundle, comparison=None, trial=None, run=run)

    monkeypatch.setattr("tombola_host.study.build.build", build)
    out = tmp_path / "deep" / "mine.tombola"
    done = tombola("build", *folders, "-o", out, "--runs", tmp_path / "runs", "--json", *option)
    facts = json.loads(done.stdout)
    assert asked == [compare]
    assert facts["bytes"] == out.stat().st_size
    assert len(facts["sounds"]) == 5
    for path in facts["sounds"]:
        audio, _ = soundfile.read(path)
        assert Path(path).parent == out.parent
        assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(-1.0, abs=0.05)


@pytest.mark.parametrize("command", ["build", "export"])
def test_a_build_whose_bundle_the_instrument_would_refuse_ends_with_a_sentence_and_writes_none(
    tombola, without_high_notes, folders, tmp_path, monkeypatch, command
):
    built = SimpleNamespace(materials=(), bundle=without_high_notes, comparison=None)
    monkeypatch.setattr("tombola_host.study.build.build", lambda *_, **__: built)
    out = tmp_path / "out" / "mine.tombola"
    with pytest.raises(BadBundle, match="the bundle 'quartet' does not play: no usable sound in mode"):
        tombola(command, *folders, "-o", out, "--runs", tmp_path / "runs")
    assert not out.exists()


def test_an_output_in_a_folder_that_is_not_there_yet_is_fine(tmp_path):
    check_output(tmp_path / "new" / "deep" / "x.tombola")
    assert not (tmp_path / "new").exists()


def test_what_is_asked_for_reaches_the_build(tombola, folders, tmp_path, monkeypatch):
    class Asked(Exception):
        pass

    def build(name, modes, settings, store, reporter, *, compare):
        raise Asked(settings.effort, settings.seed, settings.criterion, settings.method, settings.workers)

    monkeypatch.setattr("tombola_host.study.build.build", build)
    options = ["--effort", "quick", "--seed", "7", "--method", "joint", "--workers", "2", "--criterion", "magnitude"]
    with pytest.raises(Asked) as caught:
        tombola("build", *folders, "-o", tmp_path / "x.tombola", "--runs", tmp_path / "runs", *options)
    assert caught.value.args == ("quick", 7, "magnitude", "joint", 2)


def test_an_interrupt_is_one_sentence_and_exit_code_130(tombola, folders, tmp_path, monkeypatch):
    def build(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("tombola_host.study.build.build", build)
    done = tombola("build", *folders, "-o", tmp_path / "x.tombola", "--runs", tmp_path / "runs")
    assert done.exit_code == 130
    assert done.stderr == "tombola: interrupted; run the same command again to go on where it stopped\n"


def test_a_build_ends_with_what_it_was_built_without_and_what_it_renders_badly(tombola, tmp_path, folders, monkeypatch):
    out = tmp_path / "mine.tombola"
    out.write_bytes(b"12345")
    sax = SimpleNamespace(name="sax", left_out=("3 files: truncated; copy it again (a, b, c)",), doubts=())
    harp = SimpleNamespace(name="harp", left_out=(), doubts=("partials are up to 60 cents off",))
    cost = SimpleNamespace(cost=SimpleNamespace(parameters=1))
    built = SimpleNamespace(
        materials=(sax, harp),
        comparison=None,
        trial=None,
        bundle=SimpleNamespace(manifest=cost),
        run=SimpleNamespace(path="run"),
    )
    monkeypatch.setattr(making, "_build", lambda *_, **__: (built, ()))
    lines = tombola("build", *folders, "-o", out, "--runs", tmp_path / "runs").output.splitlines()
    assert lines[-2:] == [
        "  sax was learned without 3 files: truncated; copy it again (a, b, c)",
        "  harp: partials are up to 60 cents off",
    ]
    facts = json.loads(tombola("build", *folders, "-o", out, "--runs", tmp_path / "runs", "--json").output)
    assert facts["left_out"] == {"sax": [*sax.left_out], "harp": []}
    assert facts["doubts"] == {"sax": [], "harp": [*harp.doubts]}
