"""From recordings to a playing instrument, all of it real: build, flash over a serial line, play through ALSA, look."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import soundfile
from platformdirs import user_cache_path
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import DeviceUnavailable

from tombola_host.corpus.sources import INSTRUMENTS, fetch_demo_sounds, own_sounds
from tombola_host.demo.asoundrc import ENVIRONMENT_VARIABLE, PCM, SYSTEM_CONFIGURATION, read_capture, write_asoundrc
from tombola_host.link.flash import flash
from tombola_host.link.pty_line import PtyLine
from tombola_host.playing.level import normalised
from tombola_host.playing.performance import write_sound
from tombola_host.playing.previews import write_previews
from tombola_host.progress import Part, Reporter
from tombola_host.report.build_page import WRITING, Performed, write_page
from tombola_host.runs.store import RunStore
from tombola_host.stages.bundle import write_bundle
from tombola_host.study.build import Settings, build, parts_of

FETCHING, PLAYING, SENDING, PERFORMING = (
    "fetching recordings",
    "playing each mode",
    "sending it to the instrument",
    "playing it live",
)
FETCHED_S, SENT_S, PERFORMED_S, WRITTEN_S = 10.0, 5.0, 20.0, 60.0
TICKS_PER_BEAT = 480
BEAT_S = 0.5
CC_MORPH = 1
CHORDS = ((57, 64, 72), (55, 62, 71), (53, 60, 69), (55, 62, 67))
"""A minor to G, in a range that saxophone, violin, flute and harp share."""
CHORD_BEATS = 8
DAEMON_END_S = 120.0
FEWEST_HEARD = 0.5
"""Below half of the performance's length, the capture is not it."""


@dataclass(frozen=True, slots=True)
class _Sink:
    """Where the daemon's sound goes.

    Args:
        audio: The daemon's ``audio`` setting.
        file: What it writes.
        through: The same in a few words, without a path.
        remark: What the reader of the report should know.
    """

    audio: str
    file: Path
    through: str
    remark: str


def run_demo(
    folder: Path, reporter: Reporter, sounds: Path | None = None, effort: str = "quick", *, compare: bool = False
) -> Path:
    """Everything, step by step; a second run goes on where the first stopped.

    Args:
        folder: Where the bundle, the sound and the report go.
        sounds: One sub-folder per mode; the demo recordings are fetched without it.
        effort: A name in ``EFFORTS``.
        compare: Whether to train and measure what the result is compared with.

    Returns:
        The report.

    Raises:
        TombolaError: A step failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cache, settings = user_cache_path("tombola") / "sounds", Settings(effort=effort)
    expected = (
        own_sounds(sounds) if sounds else {instrument.mode: cache / instrument.mode for instrument in INSTRUMENTS}
    )
    missing = sum(not path.is_dir() for path in expected.values())
    reporter.plan(
        [
            Part(FETCHING, FETCHED_S * missing),
            *parts_of(expected, settings, compare=compare),
            Part(PLAYING, 1.0 + len(expected)),
            Part(SENDING, SENT_S),
            Part(PERFORMING, PERFORMED_S),
            Part(WRITING, WRITTEN_S),
        ]
    )
    folders = fetch_demo_sounds(cache, reporter.task(FETCHING), own=sounds)
    store = RunStore(folder / "runs")
    built = build("demo", folders, settings, store, reporter, compare=compare)
    bundle = folder / "demo.tombola"
    write_bundle(built.bundle, bundle)
    write_previews(built.bundle, bundle, reporter.task(PLAYING))
    midi = folder / "performance.mid"
    seconds = write_performance(midi, len(built.materials))
    performed = _play(folder, bundle, midi, seconds, reporter)
    write_sound(normalised(performed.audio), folder / "performance.wav")
    page = folder / "report.html"
    write_page(built.run, store, page, reporter, performed)
    return page


def write_performance(path: Path, modes: int) -> float:
    """Chords that are held while the blend walks from the first mode through all to the last, and back.

    Returns:
        Length without what rings on, s.
    """
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(60 / BEAT_S)))
    length = CHORD_BEATS * TICKS_PER_BEAT
    total = length * len(CHORDS)
    timed: list[tuple[int, mido.Message]] = [(0, mido.Message("program_change", program=0))]
    for number, chord in enumerate(CHORDS):
        for note in chord:
            # A little detached, so that struck modes are heard to be struck again.
            timed.append((number * length, mido.Message("note_on", note=note, velocity=90)))
            timed.append(((number + 1) * length - TICKS_PER_BEAT // 4, mido.Message("note_off", note=note)))
    if modes > 1:
        timed += [(tick, _morph(tick / total)) for tick in range(0, total, TICKS_PER_BEAT // 24)]
    timed.sort(key=lambda entry: entry[0])
    now = 0
    for tick, message in timed:
        track.append(message.copy(time=tick - now))
        now = tick
    mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT, tracks=[track]).save(path)
    return total / TICKS_PER_BEAT * BEAT_S


def _morph(position: float) -> mido.Message:
    """There and back over the performance."""
    return mido.Message("control_change", control=CC_MORPH, value=round(127 * (1 - abs(2 * position - 1))))


def _play(folder: Path, bundle: Path, midi: Path, seconds: float, reporter: Reporter) -> Performed:
    sink = _sink(folder)
    sink.file.unlink(missing_ok=True)
    config = folder / "tombolad.toml"
    environment = {**os.environ, ENVIRONMENT_VARIABLE: str((folder / "asoundrc").absolute())}
    with PtyLine(folder) as line:
        state = folder / "state"
        _forget(state)
        config.write_text(
            f'audio = "{sink.audio}"\nmidi = "none"\npanel = "none"\nserial = "{line.device_port.absolute()}"\n'
            f'state_dir = "{state.absolute()}"\nrealtime = false\n',
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "tombola_device", "run", "--config", str(config)]
        command += ["--midi-file", str(midi), "--after-flash", "--exit-when-done"]
        with (folder / "tombolad.log").open("w") as log:
            daemon = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
            try:
                assert daemon.stdout is not None
                daemon.stdout.readline()  # It listens now.
                sent = flash(bundle, str(line.host_port), progress=reporter.task(SENDING))
                _wait(daemon, seconds, reporter)
            finally:
                daemon.terminate()
                daemon.wait(10)
    audio = _heard(sink, folder, seconds)
    return Performed(audio, midi, sent.payload_bytes_per_s, sink.through, sink.remark)


def _forget(state: Path) -> None:
    """Start with no bundle, so that what is heard is what was flashed."""
    for path in sorted(state.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _wait(daemon: subprocess.Popen[str], seconds: float, reporter: Reporter) -> None:
    step = reporter.task(PERFORMING)
    for second in range(int(seconds + DAEMON_END_S)):
        step(min(second, int(seconds)), int(seconds), "through the real-time engine")
        try:
            daemon.wait(1.0)
        except subprocess.TimeoutExpired:
            continue
        step(int(seconds), int(seconds), "done")
        return


def _sink(folder: Path) -> _Sink:
    """ALSA with a PCM that writes to a file; a wav file where ALSA cannot be had."""
    missing = ""
    try:
        import alsaaudio  # noqa: F401  # it may be missing: it needs ALSA's headers to build
    except ImportError:
        missing = "pyalsaaudio is not installed (it needs ALSA's headers)"
    if not Path(SYSTEM_CONFIGURATION).exists():
        missing = f"{SYSTEM_CONFIGURATION} is missing (Debian: libasound2-data)"
    if missing:
        played = folder / "played.wav"
        return _Sink(
            f"wav:{played.absolute()}", played, "into a wav file", f"The sound did not go through ALSA: {missing}."
        )
    write_asoundrc(folder / "asoundrc", folder / "played.raw")
    return _Sink(f"alsa:{PCM}", folder / "played.raw", "through ALSA", "")


def _heard(sink: _Sink, folder: Path, seconds: float) -> Float32Array:
    """What the daemon played, from the first sound on."""
    if sink.file.suffix == ".raw" and sink.file.exists():
        audio = read_capture(sink.file, channels=2)[:, 0]
    elif sink.file.exists():
        audio, _ = soundfile.read(sink.file, dtype="float32", always_2d=True)
        audio = audio[:, 0]
    else:
        audio = np.zeros(0, np.float32)
    sounding = np.flatnonzero(np.abs(audio) > 1e-5)
    audio = audio[sounding[0] : sounding[-1] + 1] if sounding.size else audio[:0]
    if len(audio) < FEWEST_HEARD * seconds * SAMPLE_RATE_HZ:
        # ALSA and JACK write there too; what the daemon itself has to say begins with its name.
        log = (folder / "tombolad.log").read_text("utf-8").splitlines()
        own = [line.removeprefix("tombolad: ") for line in log if line.startswith("tombolad: ")]
        reason = own[-1] if own else f"{folder / 'tombolad.log'} may tell why"
        raise DeviceUnavailable(f"tombolad played {len(audio) / SAMPLE_RATE_HZ:.1f} s of {seconds:.0f} s: {reason}")
    return np.ascontiguousarray(audio, np.float32)
