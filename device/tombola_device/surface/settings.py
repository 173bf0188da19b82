"""The settings page: what can be chosen there, and what each choice does; MIDI learn."""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from tombola_device.play.midi_map import LOWER, MOST_MEMBERS, TARGETS, MidiMap
from tombola_device.play.player import BlendMode, Player
from tombola_device.play.voices import Priority, VoiceMode
from tombola_device.surface.hands import CvTarget, CvTargets, PanelMap
from tombola_device.surface.outputs import Assignments, GateSource, Source
from tombola_device.surface.scenes import SceneStore
from tombola_device.surface.view import Option

NOTHING: Final = "·"
_CHANNELS: Final = ("all", *(str(channel) for channel in range(1, 17)))
_CURVES: Final = ("soft", "linear", "hard")
_BENDS: Final = ("1", "2", "7", "12", "24", "48")
_TARGETS: Final = (NOTHING, *TARGETS)
_MEMBERS: Final = ("off", *(str(count) for count in range(1, MOST_MEMBERS + 1)))


class SettingsPage:
    """Gives the settings to whom they concern, and keeps them.

    Args:
        player: Who plays.
        midi_map: What MIDI does to the player.
        panel_map: Where voltages lead.
        store: Where they are kept.
    """

    def __init__(self, player: Player, midi_map: MidiMap, panel_map: PanelMap, store: SceneStore) -> None:
        self._player, self._midi_map, self._panel_map, self._store = player, midi_map, panel_map, store
        self.settings, self.damaged = store.settings()
        """As kept, and a sentence if what was kept is damaged."""
        self._apply()

    def options(self) -> tuple[Option, ...]:
        """The rows as they stand."""
        midi, out, cv = self.settings.midi, self.settings.outputs, self.settings.inputs
        bend = f"{midi.bend_semitones:g}"
        taught = [f"{controller} {target}" for controller, target in sorted(midi.learnt.items())]
        return (
            _option("voices", VoiceMode, self._player.voice_mode),
            _option("blend keys", BlendMode, self._player.blend_mode),
            Option("MIDI channel", _CHANNELS, midi.channel),
            Option("velocity", _CURVES, _CURVES.index(midi.velocity_curve) if midi.velocity_curve in _CURVES else 1),
            Option("bend", _BENDS, _BENDS.index(bend) if bend in _BENDS else 1),
            Option("MPE keys", _MEMBERS, self._midi_map.members),
            Option("learn", _TARGETS, 0, waits=True),
            Option("forget", (NOTHING, "all", *taught) if taught else (NOTHING,), 0, waits=True),
            _option("priority", Priority, self.settings.priority),
            _option("CV 1", CvTarget, cv.cv_1),
            _option("CV 2", CvTarget, cv.cv_2),
            _option("CV 3", CvTarget, cv.cv_3),
            _option("out A", Source, out.cv_a),
            _option("out B", Source, out.cv_b),
            _option("gate out", GateSource, out.gate),
        )

    def choose(self, option: Option, choice: int) -> str:
        """Give one of the rows another choice; what to tell the player, if anything.

        Raises:
            StoreError: It holds now, but cannot be kept.
        """
        word, settings = option.choices[choice], self.settings
        change = msgspec.structs.replace
        if option.name in ("learn", "forget"):
            return self._teach(option.name, word)
        if option.name == "voices":
            self._player.voice_mode = VoiceMode(word)
        elif option.name == "blend keys":
            self._player.blend_mode = BlendMode(word)
        elif option.name == "priority":
            settings = change(settings, priority=Priority(word))
        elif option.name.startswith("CV"):
            inputs: CvTargets = change(settings.inputs, **{f"cv_{option.name[-1]}": CvTarget(word)})
            settings = change(settings, inputs=inputs)
        elif option.name in ("out A", "out B"):
            outputs: Assignments = change(settings.outputs, **{f"cv_{option.name[-1].lower()}": Source(word)})
            settings = change(settings, outputs=outputs)
        elif option.name == "gate out":
            settings = change(settings, outputs=change(settings.outputs, gate=GateSource(word)))
        else:
            settings = change(settings, midi=change(settings.midi, **self._midi_change(option.name, choice)))
        if settings != self.settings:
            self.settings = settings
            self._apply()
            self._store.save_settings(settings)
        return ""

    def learnt(self) -> str:
        """Keep what a controller has been taught since; what to tell the player, if anything.

        Raises:
            StoreError: It holds now, but cannot be kept.
        """
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
            self._midi_map.set_zone(LOWER, choice)  # A keyboard may have set up another one than is kept.
            return {"mpe_members": choice}
        return {"channel": choice}

    def _teach(self, what: str, word: str) -> str:
        """Wait for the controller that is to move ``word``, or forget what was taught."""
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
        self._store.save_settings(self.settings)

    def _apply(self) -> None:
        self._midi_map.settings = self.settings.midi
        self._player.priority = self.settings.priority
        self._panel_map.targets = self.settings.inputs


def _option(name: str, kind: type[Enum], chosen: Enum) -> Option:
    values = list(kind)
    return Option(name, tuple(str(value.value) for value in values), values.index(chosen))
