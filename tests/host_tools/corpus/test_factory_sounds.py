"""Recordings of the factory bundles: what is fetched, and what is said when it cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tombola_device.contract.errors import BadAudio, BadConfig
from tombola_host.corpus import factory_sounds
from tombola_host.corpus.factory_sounds import BUNDLES, FACTORY_SETS, FactoryMode, Packaged, fetch_factory_sounds
from tombola_host.corpus.labels import note_from_name
from tombola_host.corpus.packages import debian_file
from tombola_host.corpus.soundfont import Recorded, Rendered
from tombola_host.corpus.sources import licence_of


def command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def commands(tmp_path, monkeypatch) -> Path:
    """The only folder in which commands are found, beside the system's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return folder


def test_every_mode_has_ten_notes_or_more_over_two_octaves_and_a_licence():
    for name, modes in FACTORY_SETS.items():
        assert 4 <= len(modes) <= 5, name
        for mode in modes:
            assert mode.licence.endswith(".")
            if isinstance(mode.source, Packaged):
                continue
            layers = mode.source.layers if isinstance(mode.source, Recorded) else (mode.source,)
            notes = {note for layer in layers for note in layer.notes}
            assert len(notes) >= 12, mode.name
            assert max(notes) - min(notes) >= 24, mode.name
            if isinstance(mode.source, Rendered):
                assert all(1 <= velocity <= 127 for velocity in mode.source.velocities)


def test_an_unknown_bundle_is_refused_and_the_known_ones_are_told(tmp_path):
    with pytest.raises(
        BadConfig, match="no factory bundle is called 'drums'; there are quartet, bowed_and_blown, struck"
    ):
        fetch_factory_sounds(("drums",), tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_apt_get_it_says_what_is_missing_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadAudio, match="musescore-general-soundfont-lossless needs apt-get, which is missing here"):
        fetch_factory_sounds(("struck",), tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").rglob("*")] in ([], ["struck"])


def test_without_npm_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    trumpet = next(mode for mode in FACTORY_SETS["bowed_and_blown"] if mode.name == "trumpet")
    monkeypatch.setitem(FACTORY_SETS, "bowed_and_blown", (trumpet,))
    with pytest.raises(BadAudio, match="npm gives no tonejs-instrument-trumpet-wav, for trumpet; install npm"):
        fetch_factory_sounds(("bowed_and_blown",), tmp_path / "cache")


def test_apt_get_s_own_reason_is_passed_on(commands, tmp_path):
    command(commands, "apt-get", "echo 'E: Unable to locate package' >&2; exit 100")
    command(commands, "dpkg-deb", "exit 0")
    with pytest.raises(BadAudio, match=r"cannot download pkg \(E: Unable to locate package\); try apt-get update"):
        debian_file("pkg", "usr/x", tmp_path)


def test_a_package_is_unpacked_without_being_installed_and_its_archive_is_not_kept(commands, tmp_path):
    (tmp_path / "in").mkdir()
    command(commands, "apt-get", 'test "$1 $2" = "download pkg" && touch pkg_1.deb')
    command(commands, "dpkg-deb", 'test "$1 $2 $3" = "-x pkg_1.deb ." && mkdir usr && echo font > usr/x')
    assert debian_file("pkg", "usr/x", tmp_path / "in").read_text() == "font\n"
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["usr"]


def test_a_package_of_another_version_is_told(commands, tmp_path):
    command(commands, "apt-get", "touch pkg_1.deb")
    command(commands, "dpkg-deb", "mkdir usr")
    with pytest.raises(BadAudio, match="the Debian package pkg holds no usr/x; it is another version"):
        debian_file("pkg", "usr/x", tmp_path)


def test_a_file_that_states_another_note_is_renamed_and_what_is_there_is_not_fetched_again(tmp_path, monkeypatch):
    fetched = []

    def archive(package: str, folder: Path) -> Path:
        fetched.append(package)
        return folder / "a.tgz"

    def unpack(_: Path, folder: Path) -> bool:
        for name in ("As3.wav", "F3.wav"):
            (folder / name).write_bytes(b"sound")
        return True

    monkeypatch.setattr(factory_sounds, "npm_archive", archive)
    monkeypatch.setattr(factory_sounds, "unpack_recordings", unpack)
    brass = FactoryMode("brass", Packaged("pkg", {"As3.wav": "As4.wav"}), "Free.")
    monkeypatch.setitem(FACTORY_SETS, "struck", (brass,))
    for _ in range(2):
        folders = fetch_factory_sounds(("struck",), tmp_path)
    assert folders == {"struck": {"brass": tmp_path / "struck" / "brass"}}
    assert sorted(note_from_name(path.name) for path in folders["struck"]["brass"].glob("*.wav")) == [53, 70]
    assert licence_of(folders["struck"]["brass"]) == "Free."
    assert fetched == ["pkg"]


@pytest.mark.network
@pytest.mark.timeout(900)
def test_the_factory_recordings_can_be_fetched(tmp_path):
    pytest.importorskip("tinysoundfont")
    folders = fetch_factory_sounds(BUNDLES[1:], tmp_path)
    counts = {mode: len(list(path.glob("*.wav"))) for modes in folders.values() for mode, path in modes.items()}
    bowed_and_blown = {"strings": 34, "aah": 15, "ooh": 13, "trumpet": 11, "horn": 14}
    struck = {"piano": 28, "vibraphone": 39, "marimba": 15, "kalimba": 15, "tines": 15}
    assert counts == bowed_and_blown | struck
    assert not list(tmp_path.glob(".fetching-*"))
