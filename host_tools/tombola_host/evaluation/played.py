"""Keys played by the device's engine, one after another, as a judge wants them: alone, in one pure mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, Float32Array
from tombola_device.contract.manifest import Mode
from tombola_device.engine.engine import HEADROOM_DB
from tombola_device.play.offline import CALLS, PerformedEvent, render_performance

from tombola_host.corpus.windows import Note
from tombola_host.evaluation.held_out import bundle_playback

HELD_S = 1.5
VELOCITY = 0.8
REST_FRAMES = 8
"""Between the end of a key, where all is silenced, and the next key."""
SET_LIFE = "set_life"
"""The player's call for the control ``life``. An instrument without it has none: it is at life 0 already."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key to play.

    Args:
        note: MIDI note number, fractional: a recording's own tuning.
        velocity: 0 … 1.
        held_s: How long it is down, s.
        tail_s: How much is kept of what sounds after it, s.
        life: 0 … 2; None: as the instrument comes.
        timbre: X and Y, 0 … 1.
    """

    note: float
    velocity: float = VELOCITY
    held_s: float = HELD_S
    tail_s: float = 0.0
    life: float | None = None
    timbre: tuple[float, float] = (0.5, 0.5)


class Instrument(Protocol):
    """One mode of what is judged.

    >>> class Silent:
    ...     mode = Mode("silent", "#000000", (60.0, 72.0), gate="one_shot")
    ...     def follow(self, note):
    ...         return np.zeros(len(note.audio), np.float32)
    ...     def play(self, keys):
    ...         return [np.zeros(samples_of(key), np.float32) for key in keys]
    >>> instrument: Instrument = Silent()
    >>> [len(sound) for sound in instrument.play([Key(60, held_s=0.5), Key(72, held_s=0.25)])]
    [24064, 12032]
    """

    @property
    def mode(self) -> Mode:
        """Its range, its envelope, how it ends."""

    def follow(self, note: Note) -> Float32Array:
        """A note's analysed pitch and level, at life 0 and the default timbre. Shape (T,), T ≤ the note's length."""

    def play(self, keys: Sequence[Key]) -> list[Float32Array]:
        """Each key from its onset on, at the mode's level. Shape (``samples_of(key)``,)."""


class BundleInstrument:
    """A mode of a bundle: followed by its graph alone, played by the device's player and engine."""

    def __init__(self, bundle: Bundle, mode: int) -> None:
        self._bundle, self._index = bundle, mode
        self.mode = bundle.manifest.modes[mode]
        self.follow = bundle_playback(bundle, mode)

    def play(self, keys: Sequence[Key]) -> list[Float32Array]:
        """See Instrument."""
        # One engine for all keys: to load one takes as long as 8 s of sound.
        starts, events, frame = [], [PerformedEvent(0.0, "program_change", (self._index,))], 0
        for key in keys:
            starts.append(frame)
            start_s, end = frame / FRAME_RATE_HZ, frame + samples_of(key) // PERIOD_SAMPLES
            events += [PerformedEvent(start_s, "set_timbre", (axis, value)) for axis, value in enumerate(key.timbre)]
            events += _life(key.life, start_s)
            events.append(PerformedEvent(start_s, "note_on", (key.note, key.velocity)))
            if key.tail_s > 0:
                events.append(PerformedEvent(start_s + key.held_s, "note_off", (key.note,)))
            events.append(PerformedEvent(end / FRAME_RATE_HZ, "panic"))
            frame = end + REST_FRAMES
        seconds = frame / FRAME_RATE_HZ
        # Without headroom, so that a sound has the level of its mode, as recordings do.
        audio = render_performance(self._bundle, events, seconds=seconds, voices=1, headroom_db=0.0)
        cuts = [start * PERIOD_SAMPLES for start in starts]
        return [audio[cut : cut + samples_of(key)] for cut, key in zip(cuts, keys, strict=True)]


def samples_of(key: Key) -> int:
    """How long a key's sound is: a whole number of periods."""
    return -int(-(key.held_s + key.tail_s) * FRAME_RATE_HZ // 1) * PERIOD_SAMPLES


def held_note(
    bundle: Bundle,
    mode: int,
    note: float,
    seconds: float = HELD_S,
    *,
    velocity: float = VELOCITY,
    life: float | None = None,
) -> Float32Array:
    """A MIDI note in a pure mode, held, as the device plays it, headroom included. Shape (T,)."""
    events = [
        PerformedEvent(0.0, "program_change", (mode,)),
        *_life(life, 0.0),
        PerformedEvent(0.0, "note_on", (note, velocity)),
    ]
    return render_performance(bundle, events, seconds=seconds, voices=1, headroom_db=HEADROOM_DB)


def _life(life: float | None, time_s: float) -> list[PerformedEvent]:
    return [PerformedEvent(time_s, SET_LIFE, (life,))] if life is not None and SET_LIFE in CALLS else []
