"""From keys, wheels, knobs and control voltages to one frame of controls.

    MIDI bytes ─► MidiMap ─┐                  ┌─ Voices    which voice plays which key
    knobs, CV, gates ──────┴─► Player ────────┼─ Blending  the weights of the modes
                                              ├─ Words     what moves blend, timbre and life together
                                              └─ timbre, loudness, bend, glide ─► Controls

It uses no port and reads no clock. ``midi_map`` turns MIDI messages into its calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from tombola_device.contract.controls import Controls, Float32Array
from tombola_device.contract.errors import ShapeError
from tombola_device.contract.packed import unpack
from tombola_device.contract.words import Word
from tombola_device.play.blending import Blending, BlendMode, alone
from tombola_device.play.clock import MidiClock
from tombola_device.play.dials import Dials
from tombola_device.play.frame import Expression, frame_of
from tombola_device.play.voices import CV_KEY, Key, PlayedVoice, Priority, VoiceMode, Voices
from tombola_device.play.words import Words

CHANNELS: Final = 16


class Player(Dials):
    """Voices, keys and controllers of one instrument.

    Args:
        modes: M, 1 … MAX_MODES.
        voices: V, 1 … MAX_VOICES.

    Raises:
        ShapeError: ``modes`` or ``voices`` is out of range.

    >>> player = Player(modes=3, voices=2)
    >>> player.morph(0.5)
    >>> player.note_on(69, velocity=0.8)
    >>> controls = player.controls()
    >>> controls.gate, float(controls.note[0]), controls.blend[0]
    (array([ True, False]), 69.0, array([0., 1., 0.], dtype=float32))
    """

    def __init__(self, modes: int, voices: int = 4) -> None:
        super().__init__()
        self._blending, self._words = Blending(modes), Words()
        self._voices = Voices(voices)
        self.voices = voices
        self.blend_mode = BlendMode.TOGETHER
        self.clock = MidiClock()
        self._turn = -1
        self._cv_note, self._cv_velocity = 60.0, 0.8
        self._cv_gates = [False, False]
        self._rest_expression()

    def _rest_expression(self) -> None:
        self._expressions = [Expression() for _ in range(CHANNELS)]
        self.rest_loudness()

    # Keys

    def note_on(self, note: float, velocity: float, channel: int = 0) -> None:
        """Press a key.

        Args:
            note: MIDI note number, 0 … 127.
            velocity: 0 … 1; 0 releases the key.
            channel: Channel of the key's wheels; 0: that of all keys.

        Raises:
            ShapeError: ``note`` or ``velocity`` is not finite.
        """
        if velocity <= 0:
            self.note_off(note, channel)
            return
        if not (math.isfinite(note) and math.isfinite(velocity)):
            raise ShapeError(f"note {note} at velocity {velocity} is not finite; send finite numbers")
        voice = self._voices.press(Key(round(note), channel), min(max(float(note), 0.0), 127.0), min(velocity, 1.0))
        self._give_blend(voice)

    def note_off(self, note: float, channel: int = 0) -> None:
        """Release a key; a pedal may hold its voice."""
        self._voices.let_go(Key(round(note), channel))

    def key_pressure(self, note: int, value: float, channel: int = 0) -> None:
        """Set the pressure on one key, 0 … 1."""
        for voice in self._voices:
            if voice.key == Key(note, channel):
                voice.pressure = min(max(float(value), 0.0), 1.0)

    def sustain(self, down: float) -> None:
        """Move the sustain pedal, 0 … 1; it holds from 0.5 on."""
        self._voices.sustain(down=down >= 0.5)

    def sostenuto(self, down: float) -> None:
        """Move the sostenuto pedal, 0 … 1. From 0.5 on it holds the voices that are held at this moment."""
        self._voices.sostenuto(down=down >= 0.5)

    def all_notes_off(self) -> None:
        """Release all voices, also those that a pedal holds."""
        self._voices.release_all()
        self._cv_gates = [False, False]

    def panic(self) -> None:
        """Silence all voices at once: the engine chokes a voice with gate down and velocity 0."""
        self.all_notes_off()
        self._voices.choke_all()

    @property
    def voice_mode(self) -> VoiceMode:
        """How keys share voices."""
        return self._voices.mode

    @voice_mode.setter
    def voice_mode(self, mode: VoiceMode) -> None:
        self._voices.mode = mode

    @property
    def priority(self) -> Priority:
        """Which of several held keys plays in a mode with one voice."""
        return self._voices.priority

    @priority.setter
    def priority(self, priority: Priority) -> None:
        self._voices.priority = priority

    def limit_voices(self, voices: int) -> None:
        """Play with the first ``voices`` voices only, 1 … V; release the others."""
        self._voices.limit(voices)

    def hear(self, levels_db: Sequence[float]) -> None:
        """Set the level of each voice, dB, shape (V,). The next key takes a silent or the quietest voice."""
        self._voices.hear(levels_db)

    # Control voltages

    def cv_pitch(self, note: float) -> None:
        """Set the pitch input, as a fractional MIDI note number. The voice of the gate input follows it."""
        if math.isfinite(note):
            self._cv_note = min(max(float(note), 0.0), 127.0)
            for voice in self._voices:
                if voice.last == CV_KEY:
                    voice.note = self._cv_note

    def cv_gate(self, *, high: bool, time_s: float = 0.0) -> None:
        """The gate input rose or fell at ``time_s`` by ``time.monotonic`` (0: unknown). Each rise strikes."""
        self._cv_edge(0, high=high, time_s=time_s)

    def cv_trigger(self, *, high: bool, time_s: float = 0.0) -> None:
        """The trigger input rose or fell. Each rise strikes, also while the gate is high."""
        self._cv_edge(1, high=high, time_s=time_s)

    def cv_velocity(self, velocity: float) -> None:
        """Set the velocity of the next strike of the gate input, 0 … 1."""
        self._cv_velocity = min(max(float(velocity), 1 / 127), 1.0)

    def cv_blend(self, mode: int, offset: float) -> None:
        """Set the offset of a control voltage to the weight of a mode, -1 … 1."""
        self._blending.add(mode, offset)

    def cv_morph(self, offset: float) -> None:
        """Set the offset of a control voltage to the position between the modes, -1 … 1."""
        self._blending.add_morph(offset)

    def cv_word(self, word: int, offset: float) -> None:
        """Set the offset of a control voltage to the knob of a word, -1 … 1: it adds what lies on its way."""
        if self._words.add(word, offset):
            self._add_words()

    def _cv_edge(self, which: int, *, high: bool, time_s: float) -> None:
        self._cv_gates[which] = high
        if high:
            self._give_blend(self._voices.press(CV_KEY, self._cv_note, self._cv_velocity, time_s))
        elif not any(self._cv_gates):
            self._voices.let_go(CV_KEY)

    # Wheels and knobs

    def pitch_bend(self, semitones: float, channel: int = 0) -> None:
        """Set the pitch wheel of a channel; channel 0 is that of all keys."""
        self._expressions[channel].bend_semitones = min(max(float(semitones), -96.0), 96.0)

    def pressure(self, value: float, channel: int = 0) -> None:
        """Set the pressure of a channel, 0 … 1; channel 0 is that of all keys."""
        self._expressions[channel].pressure = min(max(float(value), 0.0), 1.0)

    def slide(self, offset: float, channel: int) -> None:
        """Set the offset of one channel to timbre X, -0.5 … 0.5."""
        self._expressions[channel].timbre = min(max(float(offset), -0.5), 0.5)

    def program_change(self, program: int) -> None:
        """Select one mode alone; an unknown program changes nothing."""
        if 0 <= program < self.modes:
            self.set_blend([float(mode == program) for mode in range(self.modes)])

    def set_blend(self, weights: Sequence[float] | Float32Array) -> None:
        """Set all weights; they are normalised to sum 1. All zeros: no change.

        Args:
            weights: Each ≥ 0. Shape (M,).

        Raises:
            ShapeError: ``weights`` are not M finite numbers.
        """
        self._blending.set(weights)

    def set_weight(self, mode: int, weight: float) -> None:
        """Set the weight of one mode, 0 … 1, before normalisation; the other weights stay."""
        self._blending.set_weight(mode, weight)

    def morph(self, position: float) -> None:
        """Set the position between the first mode (0) and the last (1); between two modes both sound."""
        self._blending.morph(position)

    def turn_word(self, word: int, place: float) -> None:
        """Turn the knob of a word, 0 … 1: it sets blend, timbre and life. Without such a knob nothing changes."""
        if setting := self._words.turn(word, place):
            *weights, x, y, life = setting
            self.set_blend(weights)
            self.set_timbre(0, x)
            self.set_timbre(1, y)
            self.set_life(life)
            self._add_words()

    def recall_word(self, name: str, place: float) -> None:
        """Blend, timbre and life come from a scene that this word's knob had set: let it stand at its place again."""
        if name in self._words.names:
            self._words.turn(self._words.names.index(name), place)
            self._add_words()

    def rest_controllers(self) -> None:
        """Return wheels, pedals, pressure and loudness controllers to rest."""
        self._voices.sustain(down=False)
        self._voices.sostenuto(down=False)
        self._rest_expression()
        for voice in self._voices:
            voice.pressure = 0.0

    def set_modes(self, modes: int, begins: Sequence[float] = (), words: Sequence[Word] = ()) -> None:
        """Change the number of modes for another bundle; keep keys, controllers and the weights of shared modes.

        Args:
            modes: M.
            begins: See ``Blending.set_modes``.
            words: The bundle's knobs that bear a word.
        """
        self._blending.set_modes(modes, begins)
        if self._words.given != tuple(words):
            self._words = Words(words)
        self._add_words()
        for voice in self._voices:
            voice.blend = None

    @property
    def modes(self) -> int:
        """M."""
        return self._blending.modes

    @property
    def blend(self) -> Float32Array:
        """The blend, control voltages included. Shape (M,), ≥ 0, sum 1."""
        return np.array(self._blending.blend, np.float32)

    @property
    def hand_blend(self) -> Float32Array:
        """The blend without control voltages. Shape (M,)."""
        return np.array(self._blending.hand, np.float32)

    @property
    def weights(self) -> tuple[float, ...]:
        """The weights as they were set, before normalisation. Shape (M,)."""
        return self._blending.weights

    @property
    def words(self) -> tuple[tuple[str, float | None], ...]:
        """The knobs that bear a word: name, and place; None: it is not what set blend, timbre and life as they are."""
        now = (*self._blending.hand, *self.timbre, self.life)
        return tuple(zip(self._words.names, self._words.places(now), strict=True))

    @property
    def hand_place(self) -> float:
        """Position of ``hand_blend`` between the first mode (0) and the last (1)."""
        return self._blending.hand_place

    @property
    def first_note(self) -> float:
        """Pitch of the first voice, MIDI note number, bend included."""
        return next(iter(self._voices)).note + self._expressions[0].bend_semitones + self._tune_semitones

    @property
    def held(self) -> int:
        """Number of voices with gate up."""
        return sum(voice.gate for voice in self._voices)

    @property
    def held_notes(self) -> tuple[float, ...]:
        """Notes of the voices with gate up, without bend."""
        return tuple(voice.note for voice in self._voices if voice.gate)

    @property
    def cv_held(self) -> bool:
        """Whether a voice plays, or last played, the key of the gate input."""
        return any(voice.last == CV_KEY for voice in self._voices)

    @property
    def place(self) -> float:
        """Position of ``blend`` between the first mode (0) and the last (1)."""
        return self._blending.place

    def controls(self) -> Controls:
        """The current frame of controls."""
        return unpack(self.packed())

    def packed(self) -> bytes:
        """The current frame of controls, packed as in ``contract.packed``."""
        return frame_of(
            list(self._voices),
            self._expressions,
            self._blending.blend,
            **self.dials(),
        )

    def _add_words(self) -> None:
        """Pass on what voltages add by the knobs of words."""
        added = self._words.added
        self._blending.lean(added[:-3])
        self.lean(*added[-3:])

    def _give_blend(self, voice: PlayedVoice) -> None:
        """Give a struck voice its own blend, or none if all keys share one."""
        if self.blend_mode is BlendMode.TOGETHER:
            voice.blend = None
        elif self.blend_mode is BlendMode.HELD:
            voice.blend = self._blending.blend
        else:
            self._turn = (self._turn + 1) % self.modes
            voice.blend = alone(self._turn, self.modes)
