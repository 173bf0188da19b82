"""Recordings out of a soundfont, from one that the tests write."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tombola_device.contract.errors import BadAudio
from tombola_host.corpus.soundfont import Layer, Player, Recorded, Rendered, Soundfont, write_notes

RATE_HZ = 32_000
LONG_S = 1.0


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def tone(hz: float, seconds: float = LONG_S, amplitude: float = 0.5) -> np.ndarray:
    """A whole number of periods fits the loop for frequencies in even Hz."""
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


def write_font(path: Path, recordings: list[tuple[str, int, int, np.ndarray]]) -> Path:
    """A font of recordings alone: name, root, correction in cents, sound; the second half of each is its loop."""
    sound, headers, at = b"", b"", 0
    for name, root, cents, audio in recordings:
        samples = np.round(audio * 32767).astype("<i2")
        sound += samples.tobytes() + bytes(92)  # 46 zeros end each, as the specification asks
        ends = (at, at + len(samples), at + len(samples) // 2, at + len(samples))
        headers += struct.pack("<20sIIIIIBbHH", name.encode(), *ends, RATE_HZ, root, cents, 0, 1)
        at += len(samples) + 46
    headers += struct.pack("<20sIIIIIBbHH", b"EOS", *[0] * 9)
    lists = chunk(b"LIST", b"sdta" + chunk(b"smpl", sound)) + chunk(b"LIST", b"pdta" + chunk(b"shdr", headers))
    path.write_bytes(chunk(b"RIFF", b"sfbk" + lists))
    return path


def recorded(font: Path, layer: Layer, release_db_per_s: float = 100.0) -> dict[str, tuple[np.ndarray, int]]:
    mode = Recorded((layer,), release_db_per_s)
    return {name: (audio, rate_hz) for name, audio, rate_hz in Soundfont(font).recorded(mode)}


def peak_hz(audio: np.ndarray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 1 << 18))
    return float(np.argmax(spectrum) * rate_hz / (1 << 18))


def level_db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(audio**2)))


@pytest.fixture
def font(tmp_path: Path) -> Path:
    return write_font(
        tmp_path / "a.sf2",
        [("Horn A4", 69, 0, tone(440)), ("Horn A5", 81, 20, tone(880)), ("Other A4", 69, 0, tone(200))],
    )


def test_a_note_is_the_recording_of_its_own_key(font):
    audio, rate_hz = recorded(font, Layer("Horn .*", (69,)))["note_069"]
    assert rate_hz == RATE_HZ
    assert np.abs(audio[: len(tone(440))] - tone(440)).max() < 1e-4


def test_a_key_between_two_recordings_is_the_nearer_one_shifted(font):
    notes = recorded(font, Layer("Horn .*", (72, 77)))
    assert peak_hz(*notes["note_072"]) == pytest.approx(440 * 2 ** (3 / 12), rel=1e-3)
    assert peak_hz(*notes["note_077"]) == pytest.approx(880 * 2 ** (20 / 1200 - 4 / 12), rel=1e-3)


def test_after_the_recording_its_loop_falls_at_the_release_s_rate_and_does_not_click(font):
    audio, rate_hz = recorded(font, Layer("Horn .*", (69,)), release_db_per_s=100.0)["note_069"]
    assert len(audio) == pytest.approx((LONG_S + 0.8) * rate_hz, abs=2)
    levels = [level_db(audio[int(second * rate_hz) :][: rate_hz // 20]) for second in (0.9, 1.1, 1.3)]
    # 50 ms are heard around each moment: the fall begins within them.
    assert levels[1] - levels[2] == pytest.approx(20.0, abs=0.3)
    assert levels[0] - levels[1] == pytest.approx(12.5, abs=0.6)
    assert np.abs(np.diff(audio)).max() <= np.abs(np.diff(tone(440))).max() * 1.01


def test_a_long_recording_is_let_go_after_6_s(tmp_path):
    font = write_font(tmp_path / "a.sf2", [("A4", 69, 0, tone(440, 9.0))])
    audio, rate_hz = recorded(font, Layer("A4", (69,)))["note_069"]
    assert len(audio) == (6.0 + 0.8) * rate_hz


@pytest.mark.parametrize(("left", "right"), [("Choir-L", "Choir-R"), ("Piano (L)", "Piano (R)")])
def test_a_stereo_pair_becomes_its_mean_and_a_layer_its_gain(tmp_path, left, right):
    font = write_font(tmp_path / "a.sf2", [(left, 69, 0, tone(440)), (right, 69, 0, tone(440, amplitude=0.1))])
    names = left.replace("(", r"\(").replace(")", r"\)")
    notes = recorded(font, Layer(names, (69,), "p", gain_db=-6.0))
    audio, _ = notes["note_069_p"]
    assert np.abs(audio).max() == pytest.approx(0.3 * 10 ** (-6 / 20), rel=1e-3)


def test_a_layer_that_the_font_lacks_is_told(font):
    with pytest.raises(BadAudio, match=r"holds no recordings named Tuba"):
        recorded(font, Layer("Tuba .*", (40,)))


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no font at all, but long enough to look", bytes(100)])
def test_what_is_no_soundfont_is_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "a.sf2").write_bytes(content)
    with pytest.raises(BadAudio, match=r"a\.sf2 is not a soundfont that can be read \(SF2, uncompressed\)"):
        Soundfont(tmp_path / "a.sf2")
    with pytest.raises(BadAudio, match="no/such is not a soundfont"):
        Soundfont(Path("no/such"))


def test_truncated_anywhere_it_is_refused_or_read_but_never_fails_otherwise(font):
    whole = font.read_bytes()
    for size in range(0, len(whole), 4001):
        font.write_bytes(whole[:size])
        try:
            recorded(font, Layer("Horn .*", (69,)))
        except BadAudio:
            continue


def test_written_notes_keep_their_distance_and_the_loudest_is_near_full_scale(tmp_path):
    notes = [("note_060", np.float32(tone(440, amplitude=0.01)), RATE_HZ), ("note_062", np.float32(tone(440)), RATE_HZ)]
    write_notes(iter(notes), tmp_path)
    peaks = [np.abs(soundfile.read(path)[0]).max() for path in sorted(tmp_path.glob("*.wav"))]
    assert peaks == pytest.approx([0.97 / 50, 0.97], rel=1e-3)


def test_a_file_that_no_player_reads_is_refused_in_a_sentence(tmp_path):
    pytest.importorskip("tinysoundfont")
    (tmp_path / "a.sf2").write_bytes(b"no font")
    with pytest.raises(BadAudio, match=r"a\.sf2 is not a soundfont that can be played"):
        Player(tmp_path / "a.sf2")


def test_several_velocities_are_told_apart_by_name():
    class Silent(Player):
        def __init__(self) -> None:
            pass

        def note(self, mode: Rendered, note: int, velocity: int) -> np.ndarray:
            return np.full(4, velocity, np.float32)

    names = [name for name, _, _ in Silent().rendered(Rendered(11, (60, 62), (50, 125)))]
    assert names == ["note_060_v050", "note_060_v125", "note_062_v050", "note_062_v125"]
    assert [name for name, _, _ in Silent().rendered(Rendered(11, (60,)))] == ["note_060"]
