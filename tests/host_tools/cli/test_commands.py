"""The command line."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnx.helper
import onnx.parser
import pytest
import soundfile
from tombola_device.contract.bundle import decode_bundle, encode_bundle
from tombola_device.contract.errors import BadBundle, BadConfig, DeviceUnavailable, StoreError
from tombola_host import __version__
from tombola_host.cli import fetching, keeping, live, making, owning, playing, staging
from tombola_host.cli.app import app, check_output, run_store, say
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import RunStore
from tombola_host.study.plan import build_parts, check_build
from tombola_host.training.effort import EFFORTS
from typer.testing import CliRunner

del fetching, keeping, live, owning, staging  # Imported for their commands.

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"
IMPORTED = """
import sys
from tombola_host.cli import fetching, keeping, live, making, owning, playing, staging
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
SLOW = {"torch", "scipy", "librosa", "matplotlib", "onnx", "onnxruntime"}
"""1.5 s of torch alone, which who flashes would wait for each time."""


def tombola(*arguments, **options):
    return CliRunner().invoke(app, [str(word) for word in arguments], catch_exceptions=False, **options)


@pytest.fixture
def folders(tmp_path):
    for name, count in (("sax", 3), ("harp", 2)):
        (tmp_path / name).mkdir()
        for number in range(count):
            (tmp_path / name / f"{number}.wav").touch()
    return [f"{name}={tmp_path / name}" for name in ("sax", "harp")]


@pytest.fixture
def _nothing_is_analysed(monkeypatch):
    def begin(*arguments, **options):
        pytest.fail("the recordings were analysed")

    monkeypatch.setattr("tombola_host.corpus.corpus.read_corpus", begin)
    monkeypatch.setattr("tombola_host.corpus.material.read_corpus", begin)


def test_commands_begin_without_the_libraries_of_training():
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert not SLOW & set(done.stdout.split())
    assert "typer" in done.stdout.split()


def test_the_version_is_printed():
    assert tombola("--version").output == f"tombola {__version__}\n"


def test_a_shell_can_complete_commands():
    assert "--install-completion" in tombola("--help").output
    environment = {"_TOMBOLA_COMPLETE": "complete_bash", "COMP_WORDS": "tombola fl", "COMP_CWORD": "1"}
    assert tombola(env=environment, prog_name="tombola").output.split() == ["flash"]


@pytest.mark.usefixtures("_nothing_is_analysed")
@pytest.mark.parametrize("command", ["build", "export", "train", "ticket", "merge"])
def test_an_unknown_effort_is_refused_before_anything_is_analysed(command, folders, tmp_path):
    out = ["-o", tmp_path / "x.tombola"] if command in {"build", "export"} else []
    with pytest.raises(BadConfig, match="no effort 'fast'; choose one of: quick, normal, long"):
        tombola(command, *folders, *out, "--effort", "fast", "--runs", tmp_path / "runs")


@pytest.mark.usefixtures("_nothing_is_analysed")
@pytest.mark.parametrize("option", ["--family", "--criterion", "--schedule", "--method"])
def test_an_unknown_name_is_refused_before_anything_is_analysed_and_the_known_ones_are_told(option, folders, tmp_path):
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
def test_what_would_fail_at_the_end_is_refused_at_the_start(folders, tmp_path, mode, out, error, words):
    folder = folders[0].partition("=")[2]
    with pytest.raises(error, match=words):
        tombola("build", f"{mode}={folder}", "-o", tmp_path / out, "--runs", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("_nothing_is_analysed")
@pytest.mark.parametrize("command", ["build", "export", "train", "ticket", "merge", "evaluate"])
@pytest.mark.parametrize("name", ["", "../../up", "sax\n", "s" * 70, "\u202esax"])
def test_a_mode_whose_name_no_bundle_can_hold_is_refused_before_anything_is_trained(command, name, folders, tmp_path):
    out = {"build": ["-o", tmp_path / "x.tombola"], "export": ["-o", tmp_path / "x.tombola"], "evaluate": [QUARTET]}
    runs = ["--runs", tmp_path / "runs"] if command != "evaluate" else []
    _, _, folder = folders[0].partition("=")
    with pytest.raises(BadConfig, match="the mode cannot be called"):
        tombola(command, *out.get(command, []), f"{name}={folder}", *runs)
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("_nothing_is_analysed")
@pytest.mark.parametrize("command", ["build", "export", "train", "ticket", "merge"])
def test_runs_that_cannot_be_kept_are_refused_before_anything_is_analysed(command, folders, tmp_path):
    out = ["-o", tmp_path / "x.tombola"] if command in {"build", "export"} else []
    runs = tmp_path / "sax" / "0.wav"
    with pytest.raises(StoreError, match=r"0\.wav cannot be written to; choose another folder"):
        tombola(command, *folders, *out, "--runs", runs)


@pytest.mark.usefixtures("_nothing_is_analysed")
def test_a_mode_that_the_bundle_lacks_is_told_before_its_recordings_are_analysed(folders):
    with pytest.raises(BadConfig, match="no mode 'kazoo'; name one of sax, violin, flute, harp"):
        tombola("evaluate", QUARTET, folders[0], f"kazoo={folders[1].partition('=')[2]}")


def test_recordings_of_the_factory_set_are_fetched_into_the_cache_and_their_folders_printed(monkeypatch, tmp_path):
    asked = []

    def fetched(bundles, cache_dir, *_, font):
        asked.append((bundles, font))
        return {name: {"bells": cache_dir / name / "bells"} for name in bundles}

    monkeypatch.setattr("tombola_host.cli.fetching.fetch_factory_sounds", fetched)
    monkeypatch.setattr("tombola_host.cli.fetching.user_cache_path", lambda _: tmp_path)
    told = tombola("fetch", "struck", "--font", tmp_path / "a.sf2").output
    assert f"struck:\n  bells={tmp_path}/sounds/struck/bells\n" in told
    tombola("fetch")
    assert asked == [(("struck",), tmp_path / "a.sf2"), (("quartet", "bowed_and_blown", "struck"), None)]


def test_an_unknown_factory_bundle_fetches_nothing():
    with pytest.raises(BadConfig, match="no factory bundle is called 'drums'"):
        tombola("fetch", "drums")


def test_a_demo_of_an_unknown_effort_fetches_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tombola_host.demo.demo.fetch_demo_sounds", lambda *_, **__: pytest.fail("it fetched"))
    with pytest.raises(BadConfig, match="no effort 'fast'"):
        tombola("demo", "--folder", tmp_path, "--effort", "fast")


@pytest.mark.parametrize("modes", [0, 17])
def test_no_modes_or_too_many_are_refused(modes):
    with pytest.raises(BadConfig, match=f"{modes} modes were given; a bundle has 1 to 16"):
        check_build("x", {f"mode {number}": Path() for number in range(modes)})


@pytest.mark.usefixtures("_nothing_is_analysed")
def test_a_dry_run_says_what_would_be_done_and_does_nothing(folders, tmp_path):
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
def test_a_build_compares_only_when_asked_and_ends_in_sound(folders, tmp_path, monkeypatch, option, compare):
    from tombola_device.contract.bundle import decode_bundle

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


def test_commands_to_copy_are_never_wrapped(capsys):
    text = "  look    tombola report " + "/a/very/long/path" * 20 + "/[red]build"
    say(text)
    assert capsys.readouterr().out == text + "\n"


def test_a_render_without_a_midi_file_is_a_phrase_at_minus_1_dbfs(tmp_path):
    done = tombola("render", QUARTET, "-o", tmp_path / "a.wav", "--blend", "flute=1")
    assert done.stdout.endswith("peak -1.0 dBFS\n")
    audio, _ = soundfile.read(tmp_path / "a.wav")
    assert np.abs(audio).max() == pytest.approx(10 ** (-1 / 20), abs=0.001)


def test_a_render_can_keep_the_instruments_own_level_or_change_it(tmp_path):
    peaks = {}
    for name, options in {"own": ["--no-normalise"], "zero": ["--gain", "0"], "less": ["--gain", "-6"]}.items():
        tombola("render", QUARTET, "-o", tmp_path / "a.wav", *options)
        peaks[name] = 20 * np.log10(np.abs(soundfile.read(tmp_path / "a.wav")[0]).max())
    assert peaks["own"] < -6.0
    assert peaks["zero"] == pytest.approx(peaks["own"], abs=0.01)
    assert peaks["less"] == pytest.approx(peaks["own"] - 6.0, abs=0.01)
    with pytest.raises(BadConfig, match="give one of them"):
        tombola("render", QUARTET, "-o", tmp_path / "a.wav", "--gain", "3", "--normalise")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"tune.mid cannot be read \(No such file or directory\); check the path"),
        (b"no music", r"tune.mid is not a MIDI file \(MThd not found.*\); export it again"),
        (b"", "tune.mid is not a MIDI file; export it again"),
    ],
)
def test_what_is_no_midi_file_is_told_from_one_that_is_missing(tmp_path, content, words):
    if content is not None:
        (tmp_path / "tune.mid").write_bytes(content)
    with pytest.raises(BadConfig, match=words):
        tombola("render", QUARTET, "-o", tmp_path / "a.wav", "--midi", tmp_path / "tune.mid")


def without_high_notes():
    """The factory bundle with a graph that gives no number above a note."""
    factory = decode_bundle(QUARTET.read_bytes())
    model = onnx.load_from_string(factory.graphs["frame"])
    next(node for node in model.graph.node if "audio" in node.output).output[0] = "sound"
    highest = onnx.helper.make_tensor("highest", onnx.TensorProto.FLOAT, [1], [125.0])
    axes = [onnx.helper.make_tensor(f"at_{at}", onnx.TensorProto.INT64, [1], [at]) for at in (0, 1)]
    model.graph.initializer.extend([highest, *axes])
    model.graph.node.extend(
        onnx.parser.parse_node(line)
        for line in (
            "note = Slice(controls, at_0, at_1, at_1)",
            "below = Sub(highest, note)",
            "root = Sqrt(below)",  # NaN above the highest note.
            "nothing = Sub(root, root)",
            "flat = Flatten(sound)",
            "audio = Add(flat, nothing)",
        )
    )
    return replace(factory, graphs={"frame": model.SerializeToString()})


@pytest.mark.parametrize(
    ("command", "work"),
    [(("render", "-o", "a.wav"), "render_file"), (("bench", "--seconds", "0.5"), "run_bench")],
)
def test_what_the_instrument_would_refuse_is_refused_before_it_is_played(tmp_path, monkeypatch, command, work):
    bad = tmp_path / "bad.tombola"
    bad.write_bytes(encode_bundle(without_high_notes()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(playing, work, lambda *_, **__: pytest.fail("it was played"))
    with pytest.raises(BadBundle, match="the bundle 'quartet' does not play: no usable sound in mode"):
        tombola(command[0], bad, *command[1:])


@pytest.mark.parametrize("command", ["build", "export"])
def test_a_build_whose_bundle_the_instrument_would_refuse_ends_with_a_sentence_and_writes_none(
    folders, tmp_path, monkeypatch, command
):
    built = SimpleNamespace(materials=(), bundle=without_high_notes(), comparison=None)
    monkeypatch.setattr("tombola_host.study.build.build", lambda *_, **__: built)
    out = tmp_path / "out" / "mine.tombola"
    with pytest.raises(BadBundle, match="the bundle 'quartet' does not play: no usable sound in mode"):
        tombola(command, *folders, "-o", out, "--runs", tmp_path / "runs")
    assert not out.exists()


def test_a_sound_of_an_unknown_kind_is_refused_before_anything_is_rendered(tmp_path, monkeypatch):
    monkeypatch.setattr(playing, "render_file", lambda *_, **__: pytest.fail("it rendered"))
    with pytest.raises(BadConfig, match=r"use \.wav, \.flac or \.ogg"):
        tombola("render", QUARTET, "-o", tmp_path / "a.mp3")


def test_an_inspection_speaks_of_notes_and_instruments_and_all_of_operators():
    told = tombola("inspect", QUARTET).output
    for words in ("violin", "G3 … C7", "sounds on", "rings for"):
        assert words in told
    for words in ("MatMul", "opset", "SHA-256", "controls", "spectra, "):
        assert words not in told
        assert words in tombola("inspect", QUARTET, "--all", env={"COLUMNS": "200"}).output


def test_a_flash_finds_the_port_itself_and_answers_in_json(tmp_path, monkeypatch):
    from tombola_host.link.flash import FlashReport

    sent = []

    def send(bundle, port, **options):
        sent.append(port)
        return FlashReport("ab", 10, 0, 1.0, 10.0, already_active=False, sessions=1, resent_chunks=0, pluggings=0)

    monkeypatch.setenv("TOMBOLA_KEY", str(tmp_path / "none.key"))
    monkeypatch.setattr(playing, "send", send)
    monkeypatch.setitem(sys.modules, "tombola_host.link.ports", SimpleNamespace(find_port=lambda: "/dev/ttyACM7"))
    assert json.loads(tombola("flash", QUARTET, "--json").stdout)["size_bytes"] == 10
    tombola("flash", QUARTET, "--port", "/dev/ttyUSB0")
    assert sent == ["/dev/ttyACM7", "/dev/ttyUSB0"]


def test_without_an_instrument_a_flash_is_one_sentence(monkeypatch):
    def find_port():
        raise DeviceUnavailable("no instrument is plugged in; connect it by USB, or give --port")

    monkeypatch.setitem(sys.modules, "tombola_host.link.ports", SimpleNamespace(find_port=find_port))
    for command in (["flash", QUARTET], ["device"]):
        with pytest.raises(DeviceUnavailable, match="connect it by USB, or give --port"):
            tombola(*command)


def test_what_is_kept_is_listed_and_cleared_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = RunStore(tmp_path / "mine")
    run = store.open(Spec("train", 1, "voice", {"seed": 0}))
    (run.path / "weights").write_bytes(bytes(2_000_000))
    (tmp_path / "mine" / "tombola.log").write_text("a line\n")
    (tmp_path / "mine" / "song.wav").write_text("not ours")
    runs = ["--runs", tmp_path / "mine"]
    listed = {entry["name"]: entry for entry in json.loads(tombola("cache", "list", "--json", *runs).output)}
    assert set(listed) == {"analyses", "runs", "sounds"}
    assert listed["runs"]["bytes"] == pytest.approx(2_000_000, rel=0.01)
    assert str(tmp_path / "mine") in tombola("cache", "list", *runs).output
    assert "Nothing was deleted." in tombola("cache", "clear", "runs", *runs, input="n\n").output
    assert run.path.is_dir()
    assert "2.0 MB freed." in tombola("cache", "clear", "runs", "--yes", *runs).output
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["song.wav"]
    with pytest.raises(BadConfig, match="clear analyses, runs, sounds or all"):
        tombola("cache", "clear", "songs", *runs)


def test_runs_are_kept_where_the_option_the_environment_or_the_cache_says(tmp_path, monkeypatch):
    monkeypatch.setenv("TOMBOLA_RUNS", str(tmp_path / "environment"))
    assert run_store(tmp_path / "option").root == tmp_path / "option"
    assert run_store(None).root == tmp_path / "environment"


def test_an_output_in_a_folder_that_is_not_there_yet_is_fine(tmp_path):
    check_output(tmp_path / "new" / "deep" / "x.tombola")
    assert not (tmp_path / "new").exists()


def test_what_is_asked_for_reaches_the_build(folders, tmp_path, monkeypatch):
    class Asked(Exception):
        pass

    def build(name, modes, settings, store, reporter, *, compare):
        raise Asked(settings.effort, settings.seed, settings.criterion, settings.method, settings.workers)

    monkeypatch.setattr("tombola_host.study.build.build", build)
    options = ["--effort", "quick", "--seed", "7", "--method", "joint", "--workers", "2", "--criterion", "magnitude"]
    with pytest.raises(Asked) as caught:
        tombola("build", *folders, "-o", tmp_path / "x.tombola", "--runs", tmp_path / "runs", *options)
    assert caught.value.args == ("quick", 7, "magnitude", "joint", 2)


def test_an_interrupt_is_one_sentence_and_exit_code_130(folders, tmp_path, monkeypatch):
    def build(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("tombola_host.study.build.build", build)
    done = tombola("build", *folders, "-o", tmp_path / "x.tombola", "--runs", tmp_path / "runs")
    assert done.exit_code == 130
    assert done.stderr == "tombola: interrupted; run the same command again to go on where it stopped\n"


def test_no_command_in_a_help_text_is_wrapped_and_no_summary_is_cut():
    for command in ("build", "export", "render", "evaluate", "merge", "bench", "flash", "demo", "train", "ticket"):
        (example,) = [line for line in tombola(command, "--help").output.splitlines() if "Example:" in line]
        source = app.registered_commands
        (callback,) = [entry.callback for entry in source if (entry.name or entry.callback.__name__) == command]
        written = [line.strip() for line in callback.__doc__.splitlines() if "Example:" in line]
        assert [example.strip()] == written
    told = tombola("--help").output
    assert "  tombola build violin=violin/ flute=flute/ -o mine.tombola\n" in told
    cut = [line.split()[0] for line in told.partition("Commands:")[2].splitlines() if line.endswith("...")]
    assert set(cut) <= {"corpus"}


def test_a_build_ends_with_what_it_was_built_without_and_what_it_renders_badly(tmp_path, folders, monkeypatch):
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
