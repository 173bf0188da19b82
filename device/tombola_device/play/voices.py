"""Voice allocation: which voice plays which key. Polyphony, mono, legato, paraphony, pedals and stealing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tombola_device.contract.controls import MAX_VOICES, SILENCE_DB
from tombola_device.contract.errors import ShapeError

ONSETS = 0x7FFFFFFF
"""Largest count of onsets: 31 bits."""


class VoiceMode(Enum):
    """How keys share voices.

    POLY        each key has its own voice
    MONO        one voice; each key strikes it, and after a release it plays a key that is still held
    LEGATO      one voice; overlapping keys only change its pitch
    PARAPHONIC  each key has its own voice but all share one envelope: each new key strikes all held voices, and all
                voices are released with the last key
    """

    POLY = "poly"
    MONO = "mono"
    LEGATO = "legato"
    PARAPHONIC = "paraphonic"


class Priority(Enum):
    """Which of several held keys the one voice of MONO and LEGATO plays."""

    LAST = "last"
    LOWEST = "lowest"
    HIGHEST = "highest"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a keyboard, or of the gate input.

    Args:
        number: 0 … 127; that of CV_KEY is -1.
        channel: 0 … 15.
    """

    number: int
    channel: int = 0


CV_KEY: Final = Key(-1)
"""The key of the gate input."""


@dataclass(slots=True)
class PlayedVoice:
    """One voice: the source of one row of the engine's controls.

    Args:
        key: The key that holds the voice; None after its release.
        last: The key that the voice plays, or played last.
        note: MIDI note number, without bend.
        velocity: 0 … 1; 0 with the gate down silences the voice at once.
        gate: Whether a key or a pedal holds the voice.
        pedalled: Whether only the sustain pedal holds the voice.
        kept: Whether the sostenuto pedal holds the voice.
        onset: Number of strikes.
        onset_s: Time of the last strike by the caller's clock; 0: unknown.
        order: Time of the last strike or release, counted in strikes and releases of all voices.
        pressure: Pressure on the key, 0 … 1.
        blend: The voice's own blend; None: the player's blend.
    """

    key: Key | None = None
    last: Key | None = None
    note: float = 60.0
    velocity: float = 0.0
    gate: bool = False
    pedalled: bool = False
    kept: bool = False
    onset: int = 0
    onset_s: float = 0.0
    order: int = 0
    pressure: float = 0.0
    blend: tuple[float, ...] | None = None


class Voices:
    """The voices of one instrument.

    Args:
        count: V, 1 … MAX_VOICES.

    Raises:
        ShapeError: ``count`` is out of range.

    >>> voices = Voices(2)
    >>> for number in (60, 64, 67):  # The third key takes the older voice.
    ...     _ = voices.press(Key(number), note=float(number), velocity=0.8)
    >>> [voice.note for voice in voices]
    [67.0, 64.0]
    """

    def __init__(self, count: int) -> None:
        if not 1 <= count <= MAX_VOICES:
            raise ShapeError(f"{count} voices are impossible; give 1 to {MAX_VOICES}")
        self._voices = [PlayedVoice() for _ in range(count)]
        self._held: dict[Key, tuple[float, float]] = {}
        self._mode, self._limit = VoiceMode.POLY, count
        self.priority = Priority.LAST
        self._sustain = False
        self._events = 0
        self._levels_db: list[float] | None = None

    def __iter__(self) -> Iterator[PlayedVoice]:
        """All voices, in the order of the engine's rows."""
        return iter(self._voices)

    def __len__(self) -> int:
        """V."""
        return len(self._voices)

    @property
    def mode(self) -> VoiceMode:
        """How keys share voices. A change of mode releases all keys."""
        return self._mode

    @mode.setter
    def mode(self, mode: VoiceMode) -> None:
        if mode is not self._mode:
            self.release_all()
            self._mode = mode

    def press(self, key: Key, note: float, velocity: float, time_s: float = 0.0) -> PlayedVoice:
        """Press a key at ``time_s`` (0: unknown); return the voice that plays it."""
        overlaps = bool(self._held)
        self._held.pop(key, None)
        self._held[key] = note, velocity
        if self._mode in (VoiceMode.MONO, VoiceMode.LEGATO):
            return self._play_one(strike=self._mode is VoiceMode.MONO or not overlaps, time_s=time_s)
        voice = self._voices[self._voice_for(key)]
        self._take(voice, key, note, velocity)
        self._strike(voice, time_s)
        if self._mode is VoiceMode.PARAPHONIC:
            for other in self._voices:
                if other is not voice and other.gate:
                    self._strike(other, time_s)
        return voice

    def let_go(self, key: Key) -> None:
        """Release a key; a pedal may hold its voice."""
        self._held.pop(key, None)
        if self._mode in (VoiceMode.MONO, VoiceMode.LEGATO):
            self._let_go_one(key)
            return
        for voice in self._voices:
            if voice.key == key:
                voice.key = None
                if self._mode is not VoiceMode.PARAPHONIC:
                    self._release_unless_pedalled(voice)
        if self._mode is VoiceMode.PARAPHONIC and not self._held:
            for voice in self._voices:
                self._release_unless_pedalled(voice)

    def sustain(self, *, down: bool) -> None:
        """Move the sustain pedal. While it is down, released keys keep sounding."""
        self._sustain = down
        if not down:
            for voice in self._voices:
                if voice.pedalled:
                    voice.pedalled = False
                    self._release_unless_pedalled(voice)

    def sostenuto(self, *, down: bool) -> None:
        """Move the sostenuto pedal. It holds the voices that are held when it goes down."""
        for voice in self._voices:
            if down:
                voice.kept = voice.kept or voice.gate
            elif voice.kept:
                voice.kept = False
                if voice.key is None and not voice.pedalled:
                    self._release_unless_pedalled(voice)

    def release_all(self) -> None:
        """Release all voices, also those that a pedal holds."""
        self._held.clear()
        for voice in self._voices:
            voice.key = None
            voice.pedalled = voice.kept = False
            if voice.gate:
                self._release(voice)

    def choke_all(self) -> None:
        """Silence all voices at once."""
        self.release_all()
        for voice in self._voices:
            voice.velocity = 0.0

    def limit(self, count: int) -> None:
        """Play with the first ``count`` voices only, 1 … V; release the others."""
        self._limit = min(max(count, 1), len(self._voices))
        for voice in self._voices[self._limit :]:
            voice.key = None
            voice.pedalled = voice.kept = False
            if voice.gate:
                self._release(voice)

    def hear(self, levels_db: Sequence[float]) -> None:
        """Set the level of each voice, dB, shape (V,). The next key takes a silent or the quietest voice."""
        self._levels_db = list(levels_db)

    def _take(self, voice: PlayedVoice, key: Key, note: float, velocity: float) -> None:
        voice.key = voice.last = key
        voice.note, voice.velocity = note, velocity
        voice.gate, voice.pedalled, voice.kept = True, False, False
        voice.pressure = 0.0

    def _strike(self, voice: PlayedVoice, time_s: float) -> None:
        voice.onset = (voice.onset + 1) & ONSETS
        voice.onset_s = time_s
        self._stamp(voice)
        if self._levels_db is not None:  # The voice is in use; its true level is known later.
            self._levels_db[self._voices.index(voice)] = 0.0

    def _release_unless_pedalled(self, voice: PlayedVoice) -> None:
        if voice.key is not None or not voice.gate:
            return
        if self._sustain:
            voice.pedalled = True
        elif not voice.kept:
            self._release(voice)

    def _release(self, voice: PlayedVoice) -> None:
        voice.gate = voice.pedalled = False
        self._stamp(voice)

    def _stamp(self, voice: PlayedVoice) -> None:
        self._events += 1
        voice.order = self._events

    # One voice

    def _first(self) -> Key:
        """The held key with priority."""
        if self.priority is Priority.LOWEST:
            return min(self._held, key=lambda key: self._held[key][0])
        if self.priority is Priority.HIGHEST:
            return max(self._held, key=lambda key: self._held[key][0])
        return next(reversed(self._held))

    def _play_one(self, *, strike: bool, time_s: float = 0.0) -> PlayedVoice:
        voice, key = self._voices[0], self._first()
        note, velocity = self._held[key]
        if voice.key == key and voice.gate and not strike:
            return voice
        strike = strike or not voice.gate
        struck_db = velocity if strike else voice.velocity
        self._take(voice, key, note, struck_db)
        if strike:
            self._strike(voice, time_s)
        return voice

    def _let_go_one(self, key: Key) -> None:
        voice = self._voices[0]
        if voice.key != key:
            return
        if self._held:
            self._play_one(strike=self._mode is VoiceMode.MONO)
            return
        voice.key = None
        self._release_unless_pedalled(voice)

    # Stealing

    def _voice_for(self, key: Key) -> int:
        """Index of the voice that plays or last played this key, else of the voice with the lowest cost of stealing."""
        for index, voice in enumerate(self._voices[: self._limit]):
            if voice.key == key or (voice.gate and voice.last == key):
                return index
        return min(range(self._limit), key=self._worth)

    def _worth(self, index: int) -> tuple[int, float, int]:
        """Sort key for stealing: silent voices first, then the quietest released voice, then the oldest held voice.

        The bass is stolen last, because a chord without its bass is another chord. Of silent voices the lowest index is
        first, because the engine's cost grows with the highest sounding index.
        """
        voice = self._voices[index]
        if voice.gate:
            return (3 if self._is_bass(voice) else 2), 0.0, voice.order
        if self._levels_db is None:
            return (0, 0.0, index) if voice.order == 0 else (1, 0.0, voice.order)
        level_db = self._levels_db[index]
        return (0, 0.0, index) if level_db <= SILENCE_DB else (1, level_db, voice.order)

    def _is_bass(self, voice: PlayedVoice) -> bool:
        """Whether the voice is the lowest of at least three held voices."""
        held = [other for other in self._voices[: self._limit] if other.gate]
        return len(held) > 2 and all(voice.note < other.note for other in held if other is not voice)
