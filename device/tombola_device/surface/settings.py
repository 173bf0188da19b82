"""The settings: the options of each, and what each choice does; MIDI learn. Pure but for the store."""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Final

import msgspec

from tombola_device.contract.controls import MOST_LIFE
from tombola_device.contract.errors import BadConfig
from tombola_device.disk.errands import Errands
from tombola_device.play.blending import BlendMode
from tombola_device.play.midi_map import LOWER, MOST_MEMBERS, TARGETS, MidiMap
from tombola_device.play.player import Player
from tombola_device.play.voices import Priority, VoiceMode
from tombola_device.surface.again import FEW_TRIES, TRIES, Again
from tombola_device.surface.routing import Assignments, CvTarget, CvTargets, GateSource, Hands, Source
from tombola_device.surface.scenes import SceneStore, Settings
from tombola_device.surface.view import Option

NOTHING: Final = "·"
_CHANNELS: Final = ("all", *(str(channel) for channel in range(1, 17)))
_CURVES: Final = ("soft", "linear", "hard")
_BENDS: Final = ("1", "2", "7", "12", "24", "48")
LIFE_STEP: Final = 10
"""Per cent."""
_LIVES: Final = tuple(f"{per_cent} %" for per_cent in range(0, round(100 * MOST_LIFE) + 1, LIFE_STEP))
_LEARNS: Final = ("off", "on", "forget")
WORD: Final = "word "
"""Before the name of a word's knob."""
PLACE_STEP: Final = 5
_PLACES: Final = (NOTHING, *(f"{per_cent} %" for per_cent in range(0, 101, PLACE_STEP)))
_TARGETS: Final = (NOTHING, *TARGETS)
_MEMBERS: Final = ("off", *(str(count) for count in range(1, MOST_MEMBERS + 1)))


class SettingsPage:
    """Applies the settings, and stores them.

    Args:
        player: The player.
        midi_map: What MIDI messages do to the player.
        hands: What the CV inputs move.
        store: Where the settings are stored.
        errands: Stores them; a notice tells if the disk refuses, and they hold all the same.
    """

    def __init__(self, player: Player, midi_map: MidiMap, hands: Hands, store: SceneStore, errands: Errands) -> None:
        self._player, self._midi_map, self._hands = player, midi_map, hands
        self._store, self._errands = store, errands
        self.settings, self.damaged = store.settings()
        """As stored, and a sentence if the file is damaged or cannot be read."""
        tries = FEW_TRIES if store.settings_damaged else TRIES
        self._again = Again("settings", store.settings, self._hold, errands, self.damaged, tries)
        self._apply()

    def tick(self, now_s: float) -> None:
        """Read again what could not be read at the start, until it can be; then it holds instead of what was chosen."""
        self._again.tick(now_s)

    def take(self, settings: Settings) -> None:
        """Let these settings hold from now on; they are stored already."""
        self._again.stop()
        self._hold(settings)

    def _hold(self, settings: Settings) -> None:
        self.settings = settings
        self._apply()

    def options(self) -> tuple[Option, ...]:
        """The rows of the settings page now."""
        midi, out, cv = self.settings.midi, self.settings.outputs, self.settings.inputs
        bend = f"{midi.bend_semitones:g}"
        taught = [f"{controller} {target}" for controller, target in sorted(midi.learnt.items())]
        return (
            *(Option(f"{WORD}{name}", _PLACES, _nearest(place)) for name, place in self._player.words),
            _option("voices", VoiceMode, self._player.voice_mode),
            _option("blend keys", BlendMode, self._player.blend_mode),
            Option("life", _LIVES, round(100 * self._player.life / LIFE_STEP)),
            Option("MIDI channel", _CHANNELS, midi.channel),
            Option("velocity", _CURVES, _CURVES.index(midi.velocity_curve) if midi.velocity_curve in _CURVES else 1),
            Option("bend", _BENDS, _BENDS.index(bend) if bend in _BENDS else 1),
            Option("MPE keys", _MEMBERS, self._midi_map.members),
            Option("learn", _TARGETS, 0, waits=True),
            Option("forget", (NOTHING, "all", *taught) if taught else (NOTHING,), 0, waits=True),
            _option("priority", Priority, self.settings.priority),
            _option("CV I", CvTarget, cv.cv_1),
            _option("CV II", CvTarget, cv.cv_2),
            _option("CV III", CvTarget, cv.cv_3),
            _option("out A", Source, out.cv_a),
            _option("out B", Source, out.cv_b),
            _option("gate out", GateSource, out.gate),
            Option("learns", _LEARNS, int(self.settings.learns), waits=True),
        )

    @property
    def learning(self) -> str:
        """What the next controller that is turned will do; empty: nothing is taught."""
        return self._midi_map.learning

    def stop_learning(self) -> None:
        """Teach no controller any more."""
        self._midi_map.learn("")

    def choose(self, name: str, word: str) -> str:
        """Choose ``word`` in the row ``name``. Gives a notice for the player; empty: nothing to say.

        Raises:
            BadConfig: The page has no such row, or the row no such choice.
        """
        option = next((row for row in self.options() if row.name == name), None)
        if option is None or word not in option.choices:
            raise BadConfig(f"the settings have no {name!r} with the choice {word!r}; choose another one")
        choice, settings = option.choices.index(word), self.settings
        change = msgspec.structs.replace
        if name in ("learn", "forget"):
            return self._teach(name, word)
        if name in ("voices", "life") or name.startswith(WORD):
            self._play(name, word)
        elif name == "blend keys":
            self._player.blend_mode = BlendMode(word)
        elif name in ("priority", "learns"):
            kept = {"priority": Priority(word)} if name == "priority" else {"learns": word == "on"}
            settings = change(settings, **kept)
        elif name.startswith("CV"):
            field = f"cv_{name.count('I')}"  # The numerals of the panel.
            inputs: CvTargets = change(settings.inputs, **{field: CvTarget(word)})
            settings = change(settings, inputs=inputs)
        elif name in ("out A", "out B"):
            outputs: Assignments = change(settings.outputs, **{f"cv_{name[-1].lower()}": Source(word)})
            settings = change(settings, outputs=outputs)
        elif name == "gate out":
            settings = change(settings, outputs=change(settings.outputs, gate=GateSource(word)))
        else:
            settings = change(settings, midi=change(settings.midi, **self._midi_change(name, choice)))
        if settings != self.settings:
            self.settings = settings
            self._apply()
            self._keep()
        return ""

    def learnt(self) -> str:
        """Store what a controller was taught since the last call. Gives a notice; empty: nothing was taught."""
        before, now = self.settings.midi.learnt, self._midi_map.settings.learnt
        if now == before:
            return ""
        self._keep_learnt()
        return "; ".join(
            f"CC {controller} → {now[controller]}"
            for controller in now
            if now.get(controller) != before.get(controller)
        )

    def _midi_change(self, name: str, choice: int) -> dict[str, object]:
        if name == "velocity":
            return {"velocity_curve": _CURVES[choice]}
        if name == "bend":
            return {"bend_semitones": float(_BENDS[choice])}
        if name == "MPE keys":
            self._midi_map.set_zone(LOWER, choice)  # A keyboard may have set up another zone than the stored one.
            return {"mpe_members": choice}
        return {"channel": choice}

    def _play(self, name: str, word: str) -> None:
        """Carry out what a scene keeps, and the settings do not."""
        if name == "voices":
            self._player.voice_mode = VoiceMode(word)
        elif not name.startswith(WORD):
            self._player.set_life(_LIVES.index(word) * LIFE_STEP / 100)
        elif word != NOTHING:
            names = [each for each, _ in self._player.words]
            place = (_PLACES.index(word) - 1) * PLACE_STEP / 100
            self._player.turn_word(names.index(name.removeprefix(WORD)), place)

    def _teach(self, what: str, word: str) -> str:
        """Wait for a controller that will move ``word``, or forget a controller."""
        midi_map = self._midi_map
        if what == "learn":
            midi_map.learn(word)
            return ""
        if word == NOTHING:
            return ""
        midi_map.forget(self.settings.midi.learnt if word == "all" else [int(word.partition(" ")[0])])
        self._keep_learnt()
        return "all forgotten" if word == "all" else f"CC {word}: forgotten"

    def _keep_learnt(self) -> None:
        midi = msgspec.structs.replace(self.settings.midi, learnt=self._midi_map.settings.learnt)
        self.settings = msgspec.structs.replace(self.settings, midi=midi)
        self._keep()

    def _keep(self) -> None:
        if not self._again.waits:  # Else what is stored is kept; this choice holds until it could be read.
            self._errands.send(partial(self._store.save_settings, self.settings))

    def _apply(self) -> None:
        self._midi_map.settings = self.settings.midi
        self._player.priority = self.settings.priority
        self._hands.targets = self.settings.inputs


def _nearest(place: float | None) -> int:
    """The choice for the place of a word's knob."""
    return 0 if place is None else 1 + round(100 * place / PLACE_STEP)


def _option(name: str, kind: type[Enum], chosen: Enum) -> Option:
    values = list(kind)
    return Option(name, tuple(str(value.value) for value in values), values.index(chosen))
