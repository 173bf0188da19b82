"""The commands that take a bundle: render, inspect, bench and flash."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from tombola_device.contract.bundle import encode_bundle
from tombola_device.contract.errors import BadBundle, BadConfig, DeviceUnavailable
from tombola_host.cli import playing

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"


def test_a_render_without_a_midi_file_is_a_phrase_at_minus_1_dbfs(tombola, tmp_path):
    done = tombola("render", QUARTET, "-o", tmp_path / "a.wav", "--blend", "flute=1")
    assert done.stdout.endswith("peak -1.0 dBFS\n")
    audio, _ = soundfile.read(tmp_path / "a.wav")
    assert np.abs(audio).max() == pytest.approx(10 ** (-1 / 20), abs=0.001)


def test_a_render_can_keep_the_instruments_own_level_or_change_it(tombola, tmp_path):
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
def test_what_is_no_midi_file_is_told_from_one_that_is_missing(tombola, tmp_path, content, words):
    if content is not None:
        (tmp_path / "tune.mid").write_bytes(content)
    with pytest.raises(BadConfig, match=words):
        tombola("render", QUARTET, "-o", tmp_path / "a.wav", "--midi", tmp_path / "tune.mid")


@pytest.mark.parametrize(
    ("command", "work"),
    [(("render", "-o", "a.wav"), "render_file"), (("bench", "--seconds", "0.5"), "run_bench")],
)
def test_what_the_instrument_would_refuse_is_refused_before_it_is_played(
    tombola, without_high_notes, tmp_path, monkeypatch, command, work
):
    bad = tmp_path / "bad.tombola"
    bad.write_bytes(encode_bundle(without_high_notes))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(playing, work, lambda *_, **__: pytest.fail("it was played"))
    with pytest.raises(BadBundle, match="the bundle 'quartet' does not play: no usable sound in mode"):
        tombola(command[0], bad, *command[1:])


def test_a_sound_of_an_unknown_kind_is_refused_before_anything_is_rendered(tombola, tmp_path, monkeypatch):
    monkeypatch.setattr(playing, "render_file", lambda *_, **__: pytest.fail("it rendered"))
    with pytest.raises(BadConfig, match=r"use \.wav, \.flac or \.ogg"):
        tombola("render", QUARTET, "-o", tmp_path / "a.mp3")


def test_an_inspection_speaks_of_notes_and_instruments_and_all_of_operators(tombola):
    told = tombola("inspect", QUARTET).output
    for words in ("violin", "G3 … C7", "sounds on", "rings for"):
        assert words in told
    for words in ("MatMul", "opset", "SHA-256", "controls", "spectra, "):
        assert words not in told
        assert words in tombola("inspect", QUARTET, "--all", env={"COLUMNS": "200"}).output


def test_a_flash_finds_the_port_itself_and_answers_in_json(tombola, tmp_path, monkeypatch):
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


def test_without_an_instrument_a_flash_is_one_sentence(tombola, monkeypatch):
    def find_port():
        raise DeviceUnavailable("no instrument is plugged in; connect it by USB, or give --port")

    monkeypatch.setitem(sys.modules, "tombola_host.link.ports", SimpleNamespace(find_port=find_port))
    for command in (["flash", QUARTET], ["device"]):
        with pytest.raises(DeviceUnavailable, match="connect it by USB, or give --port"):
            tombola(*command)
