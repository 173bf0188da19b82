"""From a performance to controls: keys, pedals, wheels and knobs in, one frame of controls out. Pure; knows no port.

    Controller   What it does
    ──────────   ────────────────────────────────────────────────────────────────────
    CC 1         morph: walks through the modes in order, 0 is the first, 127 the last
    CC 2         breath: loudness
    CC 7         volume: loudness
    CC 11        expression: loudness
    CC 16, 74    timbre X; 64 is the mode's default
    CC 17, 71    timbre Y; 64 is the mode's default
    CC 20 … 31   weight of mode 1 … 12 in the blend; the weights are made to sum to 1
    CC 102 … 105 weight of mode 13 … 16
    CC 64        sustain pedal, from 64 up
    CC 120       all sound off, at once
    CC 121       wheels, pedal, pressure and loudness back to rest
    CC 123 … 127 all notes off, with their release
    pitch wheel  ± 2 semitones
    pressure     of the channel: up to 6 dB louder
    program      the pure mode of that number, the first is 0

All channels are one. Loudness controllers follow 40 log10(value / 127) dB, and their dB add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tombola_device.contract.controls import MAX_MODES, MAX_VOICES, SILENCE_DB, Controls, Float32Array
from tombola_device.contract.errors import ShapeError

PITCH_BEND_SEMITONES = 2.0
PRESSURE_DB = 6.0
CC_MORPH, CC_SUSTAIN, CC_ALL_SOUND_OFF, CC_RESET = 1, 64, 120, 121
CC_LOUDNESS = (2, 7, 11)
CC_TIMBRE_X, CC_TIMBRE_Y = (16, 74), (17, 71)
CC_ALL_NOTES_OFF = range(123, 128)
CC_WEIGHTS = (*range(20, 32), *range(102, 106))
_NOTE_OFF, _NOTE_ON, _CONTROL, _PROGRAM, _PRESSURE, _BEND = 0x80, 0x90, 0xB0, 0xC0, 0xD0, 0xE0
_LENGTHS = {_NOTE_OFF: 3, _NOTE_ON: 3, 0xA0: 3, _CONTROL: 3, _PROGRAM: 2, _PRESSURE: 2, _BEND: 3}


class Player:
    """Voices, keys and controllers of one instrument.

    Args:
        modes: M, 1 … MAX_MODES.
        voices: V, 1 … MAX_VOICES.
    """

    def __init__(self, modes: int, voices: int = 4) -> None:
        if not (1 <= modes <= MAX_MODES and 1 <= voices <= MAX_VOICES):
            raise ShapeError(f"{modes} modes and {voices} voices; at most {MAX_MODES} and {MAX_VOICES} are possible")
        self.modes, self.voices = modes, voices
        self._keys: list[int | None] = [None] * voices
        self._gates = [False] * voices
        self._pedalled = [False] * voices
        self._notes = [60.0] * voices
        self._velocities = [0.0] * voices
        self._onsets = [0] * voices
        self._order = [0] * voices
        self._events = 0
        self._limit = voices
        self._levels_db: list[float] | None = None
        self._weights = np.zeros(modes, np.float32)
        self._weights[0] = 1.0
        self._blend = self._weights.copy()
        self._timbre = [0.5, 0.5]
        self._knob_db = 0.0
        self._rest_controllers()

    def _rest_controllers(self) -> None:
        self._bend, self._pressure, self._sustain = 0.0, 0.0, False
        self._loudness = dict.fromkeys(CC_LOUDNESS, 1.0)

    # Keys

    def note_on(self, note: float, velocity: float) -> None:
        """Press a key. ``note``: MIDI note number, 0 … 127. ``velocity``: 0 … 1; 0 releases the key."""
        if velocity <= 0:
            self.note_off(note)
            return
        if not (math.isfinite(note) and math.isfinite(velocity)):
            raise ShapeError(f"note {note} at velocity {velocity} is not a number; send finite ones")
        voice = self._voice_for(note)
        self._keys[voice] = round(note)
        self._gates[voice], self._pedalled[voice] = True, False
        self._notes[voice] = min(max(float(note), 0.0), 127.0)
        self._velocities[voice] = min(float(velocity), 1.0)
        self._onsets[voice] = (self._onsets[voice] + 1) & 0x7FFFFFFF
        self._stamp(voice)
        if self._levels_db is not None:
            self._levels_db[voice] = 0.0  # Taken; what it sounds like is heard later.

    def note_off(self, note: float) -> None:
        """Release a key; with the pedal down its voice is held."""
        for voice, key in enumerate(self._keys):
            if key == round(note):
                self._keys[voice] = None
                if self._sustain:
                    self._pedalled[voice] = True
                else:
                    self._release(voice)

    def sustain(self, down: float) -> None:
        """Move the pedal, 0 … 1; it holds from 0.5 up."""
        self._sustain = down >= 0.5
        if not self._sustain:
            for voice in range(self.voices):
                if self._pedalled[voice]:
                    self._release(voice)

    def all_notes_off(self) -> None:
        """Release everything, the pedal's voices too."""
        for voice in range(self.voices):
            self._keys[voice] = None
            if self._gates[voice]:
                self._release(voice)

    def panic(self) -> None:
        """Silence at once: a voice without gate and with velocity 0 is choked by the engine."""
        self.all_notes_off()
        self._velocities = [0.0] * self.voices

    def limit_voices(self, voices: int) -> None:
        """Play with the first ``voices`` voices only, 1 … V; what the others play is over."""
        self._limit = min(max(voices, 1), self.voices)
        for voice in range(self._limit, self.voices):
            self._keys[voice] = None
            if self._gates[voice]:
                self._release(voice)

    # Controllers

    def pitch_bend(self, position: float) -> None:
        """Move the wheel, -1 … 1."""
        self._bend = min(max(float(position), -1.0), 1.0) * PITCH_BEND_SEMITONES

    def pressure(self, value: float) -> None:
        """Channel pressure, 0 … 1."""
        self._pressure = min(max(float(value), 0.0), 1.0)

    def program_change(self, program: int) -> None:
        """Select a pure mode; a program that is not there changes nothing."""
        if 0 <= program < self.modes:
            self.set_blend([float(mode == program) for mode in range(self.modes)])

    def set_blend(self, weights: Sequence[float] | Float32Array) -> None:
        """Weights of the modes, each ≥ 0, made to sum to 1; all zero changes nothing. Shape (M,).

        Raises:
            ShapeError: Not M finite weights.
        """
        given = np.asarray(weights, np.float32)
        if given.shape != (self.modes,) or not np.isfinite(given).all():
            raise ShapeError(f"a blend of shape {given.shape} was given; it takes {self.modes} finite weights")
        self._weights = np.maximum(given, 0.0)
        self._normalise()

    def set_weight(self, mode: int, weight: float) -> None:
        """Weight of one mode, 0 … 1, beside what the others have."""
        if 0 <= mode < self.modes:
            self._weights = self._weights.copy()
            self._weights[mode] = min(max(float(weight), 0.0), 1.0)
            self._normalise()

    def morph(self, position: float) -> None:
        """Walk through the modes in order: 0 is the first, 1 the last, between two both sound."""
        place = min(max(float(position), 0.0), 1.0) * (self.modes - 1)
        self.set_blend(np.maximum(1.0 - np.abs(np.arange(self.modes) - place), 0.0).astype(np.float32))

    def set_timbre(self, axis: int, value: float) -> None:
        """Timbre X (axis 0) or Y (axis 1), 0 … 1; 0.5 is the mode's default."""
        self._timbre[axis] = min(max(float(value), 0.0), 1.0)

    def set_loudness(self, offset_db: float) -> None:
        """The knob's offset, dB, ≤ 12."""
        self._knob_db = min(max(float(offset_db), SILENCE_DB), 12.0)

    def control_change(self, controller: int, value: int) -> None:
        """A MIDI controller, see the table above. ``value``: 0 … 127; unknown controllers change nothing."""
        if controller == CC_MORPH:
            self.morph(value / 127)
        elif controller in CC_LOUDNESS:
            self._loudness[controller] = value / 127
        elif controller in CC_TIMBRE_X or controller in CC_TIMBRE_Y:
            # 64 is the middle of 0 … 127, and must be the default exactly.
            self.set_timbre(int(controller in CC_TIMBRE_Y), value / 128 if value < 64 else 0.5 + (value - 64) / 126)
        elif controller in CC_WEIGHTS:
            self.set_weight(CC_WEIGHTS.index(controller), value / 127)
        elif controller == CC_SUSTAIN:
            self.sustain(value / 127)
        elif controller == CC_ALL_SOUND_OFF:
            self.panic()
        elif controller == CC_RESET:
            self.sustain(0)
            self._rest_controllers()
        elif controller in CC_ALL_NOTES_OFF:
            self.all_notes_off()

    def midi(self, *message: int) -> None:
        """One MIDI message as bytes, status first; what is unknown or cut short changes nothing."""
        kind = message[0] & 0xF0 if message else 0
        if len(message) != _LENGTHS.get(kind) or any(byte > 127 for byte in message[1:]):
            return
        first, second = message[1], message[-1]
        if kind == _NOTE_ON:
            self.note_on(first, second / 127)
        elif kind == _NOTE_OFF:
            self.note_off(first)
        elif kind == _CONTROL:
            self.control_change(first, second)
        elif kind == _PROGRAM:
            self.program_change(first)
        elif kind == _PRESSURE:
            self.pressure(first / 127)
        elif kind == _BEND:
            bend = (first | second << 7) - 8192
            self.pitch_bend(bend / (8191 if bend > 0 else 8192))

    # Out

    def hear(self, levels_db: Sequence[float]) -> None:
        """Tell how loud each voice is, so that a silent or the quietest one is taken next. Shape (V,), dB."""
        self._levels_db = list(levels_db)

    def set_modes(self, modes: int) -> None:
        """Another bundle plays: keep keys and controllers, carry the blend over as far as it goes."""
        if not 1 <= modes <= MAX_MODES:
            raise ShapeError(f"{modes} modes; 1 to {MAX_MODES} are possible")
        kept = np.zeros(modes, np.float32)
        shared = min(modes, self.modes)
        kept[:shared] = self._weights[:shared]
        self.modes = modes
        self._weights = self._blend = np.eye(1, modes, dtype=np.float32)[0]
        self.set_blend(kept)

    @property
    def blend(self) -> Float32Array:
        """Where the player stands on the simplex. Shape (M,)."""
        return self._blend.copy()

    @property
    def held(self) -> int:
        """How many voices have their gate up."""
        return sum(self._gates)

    def controls(self) -> Controls:
        """The frame of controls as it stands."""
        return Controls(
            note=np.array(self._notes, np.float32) + np.float32(self._bend),
            gate=np.array(self._gates, np.bool_),
            velocity=np.array(self._velocities, np.float32),
            onset=np.array(self._onsets, np.int32),
            blend=np.tile(self._blend, (self.voices, 1)),
            loudness_db=self._loudness_db(),
            timbre=np.array(self._timbre, np.float32),
        )

    def _loudness_db(self) -> float:
        total = self._knob_db + self._pressure * PRESSURE_DB
        for value in self._loudness.values():
            total += 40 * math.log10(value) if value > 0 else 2 * SILENCE_DB
        return max(total, 2 * SILENCE_DB)

    def _normalise(self) -> None:
        total = float(self._weights.sum())
        if total > 0:
            self._blend = (self._weights / np.float32(total)).astype(np.float32)

    def _release(self, voice: int) -> None:
        self._gates[voice] = self._pedalled[voice] = False
        self._stamp(voice)

    def _stamp(self, voice: int) -> None:
        self._events += 1
        self._order[voice] = self._events

    def _voice_for(self, note: float) -> int:
        """The voice that has this key; else a silent one; else the quietest released one; else the oldest."""
        for voice, key in enumerate(self._keys):
            if key == round(note) or (self._pedalled[voice] and round(self._notes[voice]) == round(note)):
                return voice
        return min(range(self._limit), key=self._worth)

    def _worth(self, voice: int) -> tuple[int, float, int]:
        """What taking it would cost. Silent voices go lowest first: the engine's cost grows with the highest one."""
        if self._gates[voice]:
            return 2, 0.0, self._order[voice]
        if self._levels_db is None:
            return (0, 0.0, voice) if self._order[voice] == 0 else (1, 0.0, self._order[voice])
        level_db = self._levels_db[voice]
        return (0, 0.0, voice) if level_db <= SILENCE_DB else (1, level_db, self._order[voice])
