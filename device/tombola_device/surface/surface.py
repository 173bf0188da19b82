"""The control surface without hardware: actions come in, a view goes out.

    face ─► Action ─► Surface.do ─► Player, ScenePage, SettingsPage, Calibrator, House
    face ◄── View ◄── Surface.view ◄─ the same, and what the daemon sees of the audio process and the slots

A face is what the player looks at and touches: the OLED with its buttons (``oled.face``), a browser, a test
(``fake``). Any number of faces share one surface.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol, assert_never

from tombola_device.contract.errors import TombolaError
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player
from tombola_device.surface.actions import (
    AcceptKey,
    Action,
    AllowOnce,
    Calibrate,
    CancelCalibration,
    Choose,
    ConfirmCalibration,
    Enrol,
    MorphBy,
    Panic,
    RecallScene,
    Revert,
    SaveScene,
    StopLearning,
    TurnDownKey,
)
from tombola_device.surface.calibrator import Calibrator
from tombola_device.surface.routing import Assignments
from tombola_device.surface.scene_page import ScenePage
from tombola_device.surface.settings import SettingsPage
from tombola_device.surface.view import View

NOTICE_S: Final = 3.0
"""How long a notice is shown."""
_LOG = logging.getLogger(__name__)


class House(Protocol):
    """The rest of the instrument, as far as a player can ask for it.

    Each answer is a notice for the player; an empty one: it comes later.

    >>> class Closed:
    ...     def revert(self): return "there is only one bundle"
    ...     def allow_once(self, bundle): return "no bundle can be added here"
    ...     def enrol(self): return "no owner can be added here"
    ...     def accept_key(self, fingerprint): return "no owner can be added here"
    ...     def turn_down_key(self): return "no key asks"
    >>> house: House = Closed()
    >>> house.revert()
    'there is only one bundle'
    """

    def revert(self) -> str:
        """Go back to the bundle before."""

    def allow_once(self, bundle: str) -> str:
        """Let a bundle that asked come in, though no owner signed it."""

    def enrol(self) -> str:
        """Open the window for an owner's key."""

    def accept_key(self, fingerprint: str) -> str:
        """Enrol the key that asks, if it is this one."""

    def turn_down_key(self) -> str:
        """Refuse the key that asks."""


class Face(Protocol):
    """Something that a player looks at and touches.

    >>> class Clock:
    ...     text = ""
    ...     def poll(self, view, now_s):
    ...         self.text = f"{view.bundle} at {now_s} s"
    ...         return [Panic()] if view.fault else []
    ...     def close(self): pass
    >>> face: Face = Clock()
    >>> face.poll(View(fault="the sound is not a number"), now_s=3.0)
    [Panic()]
    """

    def poll(self, view: View, now_s: float) -> list[Action]:
        """Show the view, and give the actions since the last call, in order. Does not wait.

        Args:
            view: The instrument now.
            now_s: By ``time.monotonic``.
        """

    def close(self) -> None:
        """Go dark, and give the hardware or the port back."""


class Surface:
    """Does what players ask for, and says how the instrument is.

    Args:
        player: The player.
        midi_map: What MIDI messages do to the player; it can learn controllers.
        scenes: Saves and recalls scenes.
        settings: Applies and stores settings.
        calibrator: Calibrates the pitch input and the CV outputs.
        house: The rest of the instrument.
    """

    def __init__(
        self,
        player: Player,
        midi_map: MidiMap,
        scenes: ScenePage,
        settings: SettingsPage,
        calibrator: Calibrator,
        house: House,
    ) -> None:
        self._player, self._midi_map, self._scenes = player, midi_map, scenes
        self._settings, self._calibrator, self._house = settings, calibrator, house
        self._modes: tuple[str, ...] = ()
        self._notice, self._notice_s = "", 0.0
        self._first_notice = settings.damaged
        if self._first_notice:
            _LOG.warning("%s", self._first_notice)

    def tell(self, notice: str, now_s: float) -> None:
        """Show a notice for a moment; an empty one changes nothing."""
        if notice:
            self._notice, self._notice_s = notice, now_s

    @property
    def outputs(self) -> Assignments:
        """What the CV and gate outputs carry."""
        return self._settings.settings.outputs

    def set_modes(self, names: Sequence[str]) -> None:
        """A bundle with these modes plays from now on."""
        self._modes = tuple(names)
        self._player.set_modes(len(names))

    def do(self, action: Action, now_s: float) -> None:
        """Carry out one action; what goes wrong becomes a notice, and the music goes on."""
        try:
            self.tell(self._carry_out(action, now_s), now_s)
        except TombolaError as error:
            _LOG.warning("%s", error)
            self.tell(str(error), now_s)

    def tick(self, now_s: float) -> None:
        """Notice what ended without an action: a controller was taught, a calibration timed out."""
        self.tell(self._first_notice, now_s)
        self._first_notice = ""
        self._settings.tick(now_s)
        self.tell(self._settings.learnt(), now_s)
        self.tell(self._calibrator.outcome(), now_s)

    def view(self, seen: View, now_s: float) -> View:
        """Complete what the daemon sees with what the surface knows.

        Args:
            seen: The audio process, the slots and the serial line, as the daemon sees them.
            now_s: By ``time.monotonic``.
        """
        return replace(
            seen,
            modes=self._modes,
            blend=tuple(self._player.blend.tolist()) if self._modes else (),
            scenes=self._scenes.words,
            calibration=self._calibrator.text,
            pitch_volts=self._calibrator.pitch_volts,
            options=self._settings.options(),
            learning=self._midi_map.learning,
            notice=self._notice if now_s - self._notice_s < NOTICE_S else "",
        )

    def _carry_out(self, action: Action, now_s: float) -> str:  # noqa: C901, PLR0911, PLR0912 - one line an action
        """Carry out one action. Gives a notice for the player; empty: nothing to say."""
        match action:
            case MorphBy(amount):
                self._player.morph(self._player.hand_place + amount)
            case SaveScene(place):
                return self._scenes.save(place, self._modes)
            case RecallScene(place):
                return self._scenes.recall(place, self._modes)
            case Choose(option, choice):
                return self._settings.choose(option, choice)
            case Calibrate(jack):
                return self._calibrator.begin(jack, now_s)
            case ConfirmCalibration():
                self._calibrator.confirm(now_s)
            case CancelCalibration():
                self._calibrator.cancel()
            case StopLearning():
                self._midi_map.learn("")
            case Panic():
                self._player.panic()
            case Revert():
                return self._house.revert()
            case AllowOnce(bundle):
                return self._house.allow_once(bundle)
            case Enrol():
                return self._house.enrol()
            case AcceptKey(fingerprint):
                return self._house.accept_key(fingerprint)
            case TurnDownKey():
                return self._house.turn_down_key()
            case _:
                assert_never(action)
        return ""
