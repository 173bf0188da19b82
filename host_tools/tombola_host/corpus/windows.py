"""Analysed clips as tensors, and windows drawn from them to learn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from tombola_device.contract.controls import (
    FRAME_RATE_HZ,
    ONSET_FAST_S,
    ONSET_SLOW_S,
    PERIOD_SAMPLES,
    SCALAR_COLUMNS,
    SILENCE_DB,
)
from tombola_device.contract.errors import BadAudio
from torch import Tensor

from tombola_host.corpus.clip import PARTIALS, Clip
from tombola_host.corpus.free import NO_TRACKS, Tracks, split_off

MODE_LEVEL_DB = -20.0
"""Every mode is brought to this level (its 95th percentile), so that a blend does not change loudness."""
LOWEST_RELATIVE_DB = -100.0
"""At -80 dB the hiss that a recording does not have above 12 kHz, 24 bands of it, is heard in the error."""
SKIPPED_FRAMES = 8
"""A window from the middle of a note starts with a trunk at rest: its first 21 ms do not count."""
Float64Array = npt.NDArray[np.float64]
NOTE = SCALAR_COLUMNS.index("note")
LEVEL = SCALAR_COLUMNS.index("loudness_db")
VELOCITY = SCALAR_COLUMNS.index("velocity")
TIMBRE = slice(SCALAR_COLUMNS.index("timbre_x"), SCALAR_COLUMNS.index("timbre_y") + 1)
_RELATIVE_FLOOR = LOWEST_RELATIVE_DB / 20 * math.log(10)


@dataclass(frozen=True, slots=True)
class Band:
    """Frequencies from ``low_hz`` to below ``high_hz`` in which an error of the amplitudes counts ``weight`` times."""

    low_hz: float
    high_hz: float
    weight: float


@dataclass(frozen=True, slots=True)
class Note:
    """One clip, ready to learn from.

    Args:
        name: The clip's name.
        scalars: ``SCALAR_COLUMNS`` per frame, timbre zero. Shape (F, 7).
        relative: Natural log of each amplitude relative to the frame's level. Shape (F, H + B + K).
        audio: At the mode's level. Shape (F * 128,).
        tracks: Of the K free partials, the same in all notes of a mode.
        weight: How often it is drawn, relative to the mode's other notes.
    """

    name: str
    scalars: Tensor
    relative: Tensor
    audio: Tensor
    tracks: Tracks = NO_TRACKS
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ModeData:
    """The notes of one mode.

    Args:
        name: The mode's name.
        gain_db: What was added to the recordings' level.
        notes: At least one.
        weight: How often it is drawn, relative to other modes.
        bands: Where errors count more or less.
    """

    name: str
    gain_db: float
    notes: tuple[Note, ...]
    weight: float = 1.0
    bands: tuple[Band, ...] = ()

    @property
    def tracks(self) -> Tracks:
        """Of its free partials."""
        return self.notes[0].tracks if self.notes else NO_TRACKS

    def widened(self, count: int) -> ModeData:
        """With silent free partials up to ``count``: along a blend they become another mode's."""
        return replace(self, notes=tuple(_widened(note, count) for note in self.notes))


@dataclass(frozen=True, slots=True)
class Windows:
    """A batch of W windows of F frames.

    Args:
        controls: Shape (W, F, 7 + M), timbre zero.
        relative: Target. Shape (W, F, H + B).
        weight: How much a frame counts, 0 … 1. Shape (W, F).
        audio: Shape (W, F * 128); zeros where the pitch was shifted.
        places: Mode, note, and first frame of each. Shape (W, 3).
    """

    controls: Tensor
    relative: Tensor
    weight: Tensor
    audio: Tensor
    places: Tensor


def mode_gain_db(clips: Sequence[Clip]) -> float:
    """The gain that brings the loud part of a corpus to ``MODE_LEVEL_DB``.

    Raises:
        BadAudio: There are no clips.
    """
    if not clips:
        raise BadAudio("there are no usable clips to learn from; run `tombola corpus` on the folder to see why")
    return MODE_LEVEL_DB - float(np.percentile(np.concatenate([clip.level_db for clip in clips]), 95))


def mode_data(name: str, clips: Sequence[Clip], gain_db: float, tracks: Tracks = NO_TRACKS) -> ModeData:
    """Turn analysed clips into tensors; the partials on the tracks become free ones."""
    return ModeData(name, gain_db, tuple(_note(clip, gain_db, tracks) for clip in clips))


def _widened(note: Note, count: int) -> Note:
    silent = note.relative.new_full((len(note.relative), count - len(note.tracks)), _RELATIVE_FLOOR)
    return replace(note, relative=torch.cat([note.relative, silent], dim=1), tracks=note.tracks.widened(count))


def _note(clip: Clip, gain_db: float, tracks: Tracks) -> Note:
    free = np.zeros((clip.frames, 0), np.float32)
    if len(tracks):
        clip, free = split_off(clip, tracks)
    time_s = np.arange(clip.frames) / FRAME_RATE_HZ
    columns = {
        "note": 69 + 12 * np.log2(clip.f0_hz / 440.0),
        "loudness_db": np.clip(clip.level_db + gain_db, SILENCE_DB, 0.0),
        "velocity": np.full(clip.frames, clip.velocity),
        "onset_fast": np.exp(-time_s / ONSET_FAST_S),
        "onset_slow": np.exp(-time_s / ONSET_SLOW_S),
    }
    zeros = np.zeros(clip.frames)
    scalars = np.stack([columns.get(name, zeros) for name in SCALAR_COLUMNS], axis=1)
    amplitude = np.concatenate([clip.partials, clip.noise, free], axis=1)
    level = 10 ** (clip.level_db / 20)
    relative = np.log(np.maximum(amplitude / level[:, None], math.exp(_RELATIVE_FLOOR)))
    return Note(
        clip.name,
        torch.from_numpy(scalars.astype(np.float32)),
        torch.from_numpy(relative.astype(np.float32)),
        torch.from_numpy(clip.audio * np.float32(10 ** (gain_db / 20))),
        tracks,
    )


def one_hot(mode: int, modes: int) -> Tensor:
    """The blend vector of a pure mode. Shape (M,)."""
    return torch.nn.functional.one_hot(torch.tensor(mode), modes).float()


class WindowSampler:
    """Draws windows of notes; the same stream draws the same ones.

    Half of the windows begin at an onset; after the end of its note a window is silent. Half are shifted in pitch under
    the same spectral envelope, which makes many notes out of few; there is no recording of them, so only the loss in
    the control domain counts them.

    Args:
        modes: One ``ModeData`` per entry of the blend vector. Modes are drawn in proportion to
            weight · √notes, the notes of a mode in proportion to their weights.
        frames: Window length.
        rng: Of all that is drawn.
        shift_semitones: Largest pitch shift; 0 shifts nothing.
    """

    def __init__(
        self, modes: Sequence[ModeData], frames: int, rng: np.random.Generator, shift_semitones: float = 3.0
    ) -> None:
        self._modes, self._frames, self._shift = modes, frames, shift_semitones
        self._rng = rng
        wanted = np.sqrt([len(mode.notes) for mode in modes]) * [mode.weight for mode in modes]
        self._shares = wanted / wanted.sum()
        self._note_shares = [_shares([note.weight for note in mode.notes]) for mode in modes]

    def draw(self, windows: int) -> Windows:
        """W windows."""
        modes = self._rng.choice(len(self._modes), windows, p=self._shares)
        picked = [self._window(int(mode)) for mode in modes]
        controls, relative, weight, audio, places = (torch.stack(parts) for parts in zip(*picked, strict=True))
        if self._shift > 0:
            controls, relative, audio = self._shifted(controls, relative, audio)
        return Windows(controls, relative, weight, audio, places)

    def _window(self, mode: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        notes = self._modes[mode].notes
        shares = self._note_shares[mode]
        # Equal notes are drawn as they always were, so that a build without weights learns the same network.
        index = int(self._rng.integers(len(notes)) if shares is None else self._rng.choice(len(notes), p=shares))
        note = notes[index]
        latest = max(len(note.scalars) - self._frames, 0)
        start = 0 if self._rng.random() < 0.5 else int(self._rng.integers(latest + 1))
        stop = start + self._frames
        scalars = _padded(note.scalars[start:stop], self._frames)
        relative = _padded(note.relative[start:stop], self._frames)
        audio = note.audio[start * PERIOD_SAMPLES : stop * PERIOD_SAMPLES]
        audio = torch.nn.functional.pad(audio, (0, self._frames * PERIOD_SAMPLES - len(audio)))
        scalars[len(note.scalars) - start :, LEVEL] = SILENCE_DB
        weight = ((scalars[:, LEVEL] - SILENCE_DB) / 20).clamp(0, 1)
        if start > 0:
            weight[:SKIPPED_FRAMES] = 0
        blend = one_hot(mode, len(self._modes)).expand(self._frames, -1)
        return torch.cat([scalars, blend], dim=1), relative, weight, audio, torch.tensor([mode, index, start])

    def _shifted(self, controls: Tensor, relative: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count = len(controls)
        chosen = self._rng.random(count) < 0.5
        semitones = torch.from_numpy(np.where(chosen, self._rng.uniform(-self._shift, self._shift, count), 0.0)).float()
        controls = controls.clone()
        controls[..., NOTE] += semitones[:, None]
        partials = shift_partials(relative[..., :PARTIALS], semitones)
        audio = torch.where(torch.from_numpy(chosen)[:, None], torch.zeros_like(audio), audio)
        return controls, torch.cat([partials, relative[..., PARTIALS:]], dim=2), audio


def _shares(weights: Sequence[float]) -> Float64Array | None:
    """Each weight's share of their sum; None if all are equal."""
    whole = np.array(weights)
    return None if (whole == whole[0]).all() else whole / whole.sum()


def _padded(rows: Tensor, frames: int) -> Tensor:
    """Repeat the last row up to ``frames`` rows."""
    missing = frames - len(rows)
    return torch.cat([rows, rows[-1:].expand(missing, -1)]) if missing > 0 else rows.clone()


def shift_partials(log_amplitude: Tensor, semitones: Tensor) -> Tensor:
    """Partials of a note shifted in pitch under the same spectral envelope.

    Args:
        log_amplitude: Shape (W, F, H).
        semitones: Shape (W,).
    """
    count = log_amplitude.shape[2]
    harmonic = torch.arange(1, count + 1, dtype=torch.float32)
    position = (harmonic * 2 ** (semitones[:, None] / 12) - 1).clamp(0, count - 1)
    low = position.floor().long().clamp(max=count - 2)
    fraction = (position - low)[:, None, :]
    index = low[:, None, :].expand_as(log_amplitude)
    return log_amplitude.gather(2, index) * (1 - fraction) + log_amplitude.gather(2, index + 1) * fraction
