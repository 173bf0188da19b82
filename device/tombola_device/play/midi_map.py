"""Turns MIDI messages into calls of the player. A test compares the chart in docs/midi.md with the tables here.

Sources: MIDI 1.0 detailed specification; MIDI polyphonic expression (MPE) 1.0, M1-100-UM.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import MAX_MODES, MOST_LIFE
from tombola_device.contract.words import MAX_WORDS
from tombola_device.play.player import Player
from tombola_device.play.voices import VoiceMode

CC_MORPH, CC_GLIDE, CC_GLIDE_ON, CC_SUSTAIN, CC_SOSTENUTO = 1, 5, 65, 64, 66
CC_ALL_SOUND_OFF, CC_RESET, CC_MONO, CC_POLY = 120, 121, 126, 127
CC_LOUDNESS: Final = (2, 7, 11)
CC_TIMBRE_X: Final = (16, 74)
CC_TIMBRE_Y: Final = (17, 71)
CC_LIFE: Final = (18, 77)
"""77 is the depth of a vibrato in the specification of sound controllers."""
CC_WORDS: Final = (12, 13, 14, 15)
"""12 and 13 are effect controls in the specification; 14 and 15 are free."""
CC_WEIGHTS: Final = (*range(20, 32), *range(102, 106))
CC_NOTES_OFF: Final = (123, 124, 125)
CC_DATA, CC_DATA_FINE, CC_RPN_FINE, CC_RPN = 6, 38, 100, 101
NEVER_LEARNT: Final = (CC_DATA, CC_DATA_FINE, 98, 99, CC_RPN_FINE, CC_RPN, *range(120, 128))
"""Channel mode messages and parameter numbers keep their standard meaning."""
RPN_BEND, RPN_MPE = 0, 6
NO_RPN: Final = 0x3FFF
MPE_BEND_SEMITONES: Final = 48.0
LOWER, UPPER = 0, 15
MOST_MEMBERS: Final = 15
_LENGTHS: Final = {0x80: 3, 0x90: 3, 0xA0: 3, 0xB0: 3, 0xC0: 2, 0xD0: 2, 0xE0: 3}
_CURVES: Final = {"soft": 0.5, "linear": 1.0, "hard": 2.0}
TARGETS: Final = (
    "morph",
    "timbre x",
    "timbre y",
    "level",
    "life",
    "glide",
    *(f"weight {mode + 1}" for mode in range(MAX_MODES)),
    *(f"word {word + 1}" for word in range(MAX_WORDS)),
)
"""Targets that a controller can learn."""


class MidiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How MIDI messages are interpreted.

    Args:
        channel: Received channel, 1 … 16; 0: all (omni).
        velocity_curve: ``soft``, ``linear`` or ``hard``.
        bend_semitones: Range of the pitch wheel in each direction, until a host sets it by RPN 0.
        learnt: Controller → its learnt target, one of TARGETS.
        mpe_members: Member channels of the lower MPE zone; 0: no zone, until a keyboard sets one up.
    """

    channel: int = 0
    velocity_curve: str = "linear"
    bend_semitones: float = 2.0
    learnt: dict[Annotated[int, Meta(ge=0, le=127)], str] = {}
    mpe_members: Annotated[int, Meta(ge=0, le=MOST_MEMBERS)] = 0


class MidiMap:
    """Plays a player by MIDI messages.

    Args:
        player: The player.

    >>> player = Player(modes=2, voices=1)
    >>> midi_map = MidiMap(player)
    >>> midi_map.receive((0x90, 69, 100))
    >>> float(player.controls().note[0]), bool(player.controls().gate[0])
    (69.0, True)
    """

    def __init__(self, player: Player) -> None:
        self._player = player
        self._settings = MidiSettings()
        self._learning = ""
        self._parameter = NO_RPN
        self._bend_semitones = self._settings.bend_semitones
        self._member_semitones = MPE_BEND_SEMITONES
        self._zones = {LOWER: 0, UPPER: 0}
        self._zone: int | None = LOWER
        """The zone that the channel of the last message may configure; None: that channel is no master."""

    @property
    def settings(self) -> MidiSettings:
        """The settings, learnt controllers included."""
        return self._settings

    @settings.setter
    def settings(self, settings: MidiSettings) -> None:
        if settings.channel != self._settings.channel:
            self._player.all_notes_off()
        before, self._settings = self._settings, settings
        if settings.bend_semitones != before.bend_semitones:
            self._bend_semitones = settings.bend_semitones
        if settings.mpe_members != before.mpe_members:
            self.set_zone(LOWER, settings.mpe_members)

    @property
    def mpe(self) -> bool:
        """Whether an MPE zone is set up."""
        return any(self._zones.values())

    @property
    def members(self) -> int:
        """Member channels of the lower zone, set up by the settings or by a keyboard."""
        return self._zones[LOWER]

    @property
    def learning(self) -> str:
        """The target that the next moved controller will learn; empty: none."""
        return self._learning

    def learn(self, target: str) -> None:
        """Let the next moved controller learn one of TARGETS; any other word ends the learning."""
        self._learning = target if target in TARGETS else ""

    def forget(self, controllers: Iterable[int]) -> None:
        """Give controllers their standard meaning again."""
        gone = set(controllers)
        learnt = {controller: bound for controller, bound in self._settings.learnt.items() if controller not in gone}
        self._settings = msgspec.structs.replace(self._settings, learnt=learnt)

    def receive(self, message: Sequence[int], time_s: float = 0.0) -> None:
        """Carry out one message, status byte first; an unknown or incomplete message changes nothing."""
        if not message:
            return
        status = message[0]
        if status >= 0xF0:
            self._system(message, time_s)
            return
        kind, channel = status & 0xF0, status & 0x0F
        if len(message) != _LENGTHS.get(kind) or any(not 0 <= byte <= 127 for byte in message[1:]):
            return
        if not self.mpe and self._settings.channel and channel != self._settings.channel - 1:
            return
        self._zone = UPPER if channel == UPPER else LOWER if channel == LOWER else None
        self._channel_message(kind, self._part(channel), message[1], message[-1])

    def _part(self, channel: int) -> int:
        """The player's channel: members keep their number (0 becomes 15); other channels become 0 (all keys)."""
        lower, upper = self._zones[LOWER], self._zones[UPPER]
        if (lower and LOWER < channel <= lower) or (upper and UPPER > channel >= UPPER - upper):
            return channel or UPPER
        # A master channel moves all keys, here also those of the other zone; so does a channel outside the zones.
        return 0

    def _channel_message(self, kind: int, channel: int, first: int, second: int) -> None:
        player = self._player
        if kind == 0x90 and second:
            player.note_on(first, (second / 127) ** _CURVES.get(self._settings.velocity_curve, 1.0), channel)
        elif kind in (0x80, 0x90):
            player.note_off(first, channel)
        elif kind == 0xA0:
            player.key_pressure(first, second / 127, channel)
        elif kind == 0xB0:
            self.control_change(channel, first, second)
        elif kind == 0xC0:
            player.program_change(first)
        elif kind == 0xD0:
            player.pressure(first / 127, channel)
        else:
            place = (first | second << 7) - 8192
            semitones = self._member_semitones if channel else self._bend_semitones
            player.pitch_bend(semitones * place / (8191 if place > 0 else 8192), channel)

    def _system(self, message: Sequence[int], time_s: float) -> None:
        clock = self._player.clock
        if message[0] == 0xF8:
            clock.tick(time_s)
        elif message[0] == 0xFA:
            clock.start()
        elif message[0] == 0xFB:
            clock.go_on()
        elif message[0] == 0xFC:
            clock.stop()
        elif message[0] == 0xFF:
            self._player.panic()
            self._player.rest_controllers()

    def control_change(self, channel: int, controller: int, value: int) -> None:
        """Carry out a controller message; ``value``: 0 … 127. Unknown controllers change nothing."""
        if controller not in NEVER_LEARNT:
            if self._learning:
                learnt = {**self._settings.learnt, controller: self._learning}
                self._settings, self._learning = msgspec.structs.replace(self._settings, learnt=learnt), ""
            target = self._settings.learnt.get(controller)
            if target in TARGETS:
                self._move(target, value)
                return
        if channel and controller in CC_TIMBRE_X:
            self._player.slide(_centred(value) - 0.5, channel)
        elif controller >= CC_ALL_SOUND_OFF:
            self._channel_mode(controller)
        elif controller in (CC_DATA, CC_DATA_FINE, CC_RPN, CC_RPN_FINE, 98, 99):
            self._registered(channel, controller, value)
        else:
            self._controller(controller, value)

    def _controller(self, controller: int, value: int) -> None:
        player = self._player
        if controller == CC_MORPH:
            player.morph(value / 127)
        elif controller in CC_LOUDNESS:
            player.set_loudness_controller(controller, value / 127)
        elif controller in CC_TIMBRE_X or controller in CC_TIMBRE_Y:
            player.set_timbre(int(controller in CC_TIMBRE_Y), _centred(value))
        elif controller in CC_LIFE:
            player.set_life(MOST_LIFE * _centred(value))
        elif controller in CC_WEIGHTS:
            player.set_weight(CC_WEIGHTS.index(controller), value / 127)
        elif controller in CC_WORDS:
            player.turn_word(CC_WORDS.index(controller), value / 127)
        else:
            self._pedal(controller, value)

    def _pedal(self, controller: int, value: int) -> None:
        player = self._player
        if controller == CC_GLIDE:
            player.glide(glide_s(value))
        elif controller == CC_GLIDE_ON:
            player.glide_on(on=value >= 64)
        elif controller == CC_SUSTAIN:
            player.sustain(value / 127)
        elif controller == CC_SOSTENUTO:
            player.sostenuto(value / 127)

    def _channel_mode(self, controller: int) -> None:
        player = self._player
        if controller == CC_ALL_SOUND_OFF:
            player.panic()
        elif controller == CC_RESET:
            player.rest_controllers()
            self._parameter = NO_RPN
        elif controller in CC_NOTES_OFF:
            player.all_notes_off()
        elif controller in (CC_MONO, CC_POLY):
            player.all_notes_off()
            player.voice_mode = VoiceMode.MONO if controller == CC_MONO else VoiceMode.POLY

    def _registered(self, channel: int, controller: int, value: int) -> None:
        """Carry out registered parameter numbers 0 (range of the pitch wheel) and 6 (MPE zones)."""
        if controller == CC_RPN:
            self._parameter = self._parameter & 0x7F | value << 7
        elif controller == CC_RPN_FINE:
            self._parameter = self._parameter & 0x3F80 | value
        elif controller in (98, 99):  # A non-registered parameter: none is known, so its data is ignored.
            self._parameter = NO_RPN
        elif self._parameter == RPN_BEND:
            self._set_bend(channel, controller, value)
        elif self._parameter == RPN_MPE and controller == CC_DATA and self._zone is not None:
            self.set_zone(self._zone, min(value, MOST_MEMBERS))

    def _set_bend(self, channel: int, controller: int, value: int) -> None:
        now = self._member_semitones if channel else self._bend_semitones
        semitones = float(min(value, 96)) if controller == CC_DATA else int(now) + min(value, 99) / 100
        if channel:
            self._member_semitones = semitones
        else:
            self._bend_semitones = semitones

    def set_zone(self, zone: int, members: int) -> None:
        """Set up an MPE zone, LOWER or UPPER; 0 members end it. The other zone loses the shared channels."""
        self._player.all_notes_off()
        self._player.rest_controllers()
        self._zones[zone] = members
        other = UPPER if zone == LOWER else LOWER
        if members:
            self._zones[other] = min(self._zones[other], max(MOST_MEMBERS - 1 - members, 0))
        self._member_semitones = MPE_BEND_SEMITONES

    def _move(self, target: str, value: int) -> None:
        """Move the learnt target of a controller."""
        player = self._player
        if target == "morph":
            player.morph(value / 127)
        elif target == "level":
            player.set_loudness_controller(-1, value / 127)
        elif target == "life":
            player.set_life(MOST_LIFE * _centred(value))
        elif target == "glide":
            player.glide(glide_s(value))
        elif target.startswith("timbre"):
            player.set_timbre(int(target.endswith("y")), _centred(value))
        elif target.startswith("word"):
            player.turn_word(int(target.split()[1]) - 1, value / 127)
        else:
            player.set_weight(int(target.split()[1]) - 1, value / 127)


def _centred(value: int) -> float:
    """Map 0 … 127 to 0 … 1 so that 64, the middle, is exactly 0.5."""
    return value / 128 if value < 64 else 0.5 + (value - 64) / 126


def glide_s(value: int) -> float:
    """Portamento time of a controller value: 0 is off; 1 … 127 are 5 ms … 5 s with equal ratios."""
    return 0.0 if value == 0 else float(0.005 * 1000 ** ((value - 1) / 126))
