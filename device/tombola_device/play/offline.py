"""Renders a performance as fast as possible, with the same player and engine as on the device but without a clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, Float32Array
from tombola_device.contract.errors import BadBundle, ShapeError
from tombola_device.engine.engine import HEADROOM_DB, Engine
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player

CALLS = (
    "note_on",
    "note_off",
    "sustain",
    "all_notes_off",
    "panic",
    "pitch_bend",
    "pressure",
    "program_change",
    "set_weight",
    "morph",
    "set_timbre",
    "set_life",
    "set_loudness",
)
"""Methods of ``Player`` that a performed event may call."""
MIDI = "midi"
"""The ``call`` of a MIDI message; its arguments are the bytes, status first."""
MAX_TAIL_S = 10.0
"""Longest sound after the last event, if the length of the performance is not given."""
MAX_SECONDS = 3600.0
END_GRID_FRAMES = 96
"""A performance may end only on this grid (0.256 s), so that its length does not depend on ``period_samples``."""


@dataclass(frozen=True, slots=True)
class PerformedEvent:
    """One call of the player during a performance.

    Args:
        time_s: Time of the call, ≥ 0. The first period that begins then or later plays it.
        call: One of CALLS, or MIDI.
        arguments: Arguments of the method, or the bytes of the MIDI message.
    """

    time_s: float
    call: str
    arguments: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.call not in (*CALLS, MIDI):
            raise ShapeError(f"the event {self.call!r} is unknown; give one of {', '.join((*CALLS, MIDI))}")
        if not 0 <= self.time_s <= MAX_SECONDS:
            raise ShapeError(f"the event {self.call!r} is at {self.time_s} s; give 0 to {MAX_SECONDS:.0f} s")

    def apply(self, player: Player, midi_map: MidiMap) -> None:
        """Make the call: to the player, or for MIDI to its MIDI map."""
        if self.call == MIDI:
            midi_map.receive([int(byte) for byte in self.arguments])
        else:
            getattr(player, self.call)(*self.arguments)


@dataclass(frozen=True, slots=True)
class BlendAutomation:
    """A blend that moves with time, linear between its points.

    Args:
        time_s: Times of the points, rising. Shape (N,).
        blend: Weights at these times, each ≥ 0, not all 0. Shape (N, M).
    """

    time_s: tuple[float, ...]
    blend: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        rows = {len(row) for row in self.blend}
        if len(self.time_s) != len(self.blend) or len(rows) != 1:
            raise ShapeError("a blend automation needs one row of weights per time, all rows equally long")
        if list(self.time_s) != sorted(self.time_s):
            raise ShapeError("the times of a blend automation must rise")

    def at(self, time_s: float) -> Float32Array:
        """Weights at a time, shape (M,). They are constant before the first and after the last point."""
        columns = zip(*self.blend, strict=True)
        return np.array([np.interp(time_s, self.time_s, column) for column in columns], np.float32)


def midi_events(messages: Iterable[tuple[float, Sequence[int]]]) -> list[PerformedEvent]:
    """Turn MIDI messages, each (seconds, bytes with the status first), into performed events."""
    return [PerformedEvent(time_s, MIDI, tuple(message)) for time_s, message in messages]


def render_performance(
    bundle: Bundle,
    events: Iterable[PerformedEvent],
    *,
    blend: BlendAutomation | None = None,
    seconds: float | None = None,
    voices: int = 4,
    period_samples: int = PERIOD_SAMPLES,
    headroom_db: float = HEADROOM_DB,
) -> Float32Array:
    """Render a performance.

    Args:
        bundle: The bundle that plays.
        events: Calls of the player, in any order.
        blend: Blend over time; it replaces blends set by ``events``.
        seconds: Length; None: until the last note has decayed, at most 10 s after the last event.
        voices: V, 1 … MAX_VOICES.
        period_samples: Length of a rendered block, a multiple of 128. The sound does not depend on it: events are on
            the grid of 128 samples and split a longer block.
        headroom_db: Attenuation below full scale, as in ``Engine``.

    Returns:
        Mono, 48 kHz, full scale ±1.0. Shape (T,), float32, T a multiple of 128.

    Raises:
        BadBundle: The bundle does not play, or its sound is not finite.
        ShapeError: A blend does not have M weights, or ``period_samples`` is not a multiple of 128.

    >>> from tombola_device.config import Config
    >>> from tombola_device.contract.bundle import decode_bundle
    >>> factory = decode_bundle(Config().factory_path.read_bytes())
    >>> sound = render_performance(factory, [PerformedEvent(0.0, "note_on", (57, 0.8))], seconds=0.1, voices=1)
    >>> sound.shape, bool(abs(sound).max() > 0.001)
    ((4864,), True)
    """
    if period_samples <= 0 or period_samples % PERIOD_SAMPLES:
        raise ShapeError(f"a period cannot have {period_samples} samples; give a multiple of {PERIOD_SAMPLES}")
    if seconds is not None and not 0 <= seconds <= MAX_SECONDS:
        raise ShapeError(f"{seconds} s cannot be rendered; give 0 to {MAX_SECONDS:.0f} s")
    performance = _Performance(Engine(bundle, voices, headroom_db), list(events), blend)
    return performance.render(seconds, period_samples // PERIOD_SAMPLES)


class _Performance:
    """One rendering. Time is counted in frames: frame n begins at sample n * 128."""

    def __init__(self, engine: Engine, events: list[PerformedEvent], blend: BlendAutomation | None) -> None:
        self.engine, self.blend = engine, blend
        self.player = Player(engine.modes, engine.voices)
        self.midi_map = MidiMap(self.player)
        self.queue = sorted(events, key=lambda event: event.time_s)
        self.frames = [-int(-event.time_s * FRAME_RATE_HZ // 1) for event in self.queue]
        self.last_frame = self.frames[-1] if self.frames else 0
        if blend is not None:
            self.last_frame = max(self.last_frame, int(blend.time_s[-1] * FRAME_RATE_HZ))

    def render(self, seconds: float | None, period_frames: int) -> Float32Array:
        end = None if seconds is None else -int(-seconds * FRAME_RATE_HZ // 1)
        latest = self.last_frame + int(MAX_TAIL_S * FRAME_RATE_HZ) if end is None else end
        blocks: list[Float32Array] = []
        frame = done = 0
        controls = self.player.controls()
        while frame < latest and not (end is None and self._over(frame, done)):
            done_before = done
            self.player.hear(self.engine.levels_db)
            while done < len(self.queue) and self.frames[done] <= frame:
                self.queue[done].apply(self.player, self.midi_map)
                done += 1
            if self.blend is not None:
                self.player.set_blend(self.blend.at(frame / FRAME_RATE_HZ))
            if done > done_before or self.blend is not None or frame == 0:
                controls = self.player.controls()
            stop = self._next_stop(frame, done, latest, period_frames)
            block = np.zeros((stop - frame) * PERIOD_SAMPLES, np.float32)
            self.engine.render(controls, block)
            if self.engine.fault:
                raise BadBundle(self.engine.fault)
            blocks.append(block)
            frame = stop
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def _over(self, frame: int, done: int) -> bool:
        """Whether all events are done and all voices are silent."""
        on_grid = frame % END_GRID_FRAMES == 0
        return on_grid and done == len(self.queue) and frame > self.last_frame and self.engine.idle

    def _next_stop(self, frame: int, done: int, latest: int, period_frames: int) -> int:
        if self.blend is not None:
            return frame + 1  # Each frame needs a new blend.
        # Stop at the end of a period, at the next event, or where the performance may end.
        grids = (period_frames, END_GRID_FRAMES)
        stop = min(latest, *((frame // grid + 1) * grid for grid in grids))
        return min(stop, self.frames[done]) if done < len(self.queue) else stop
