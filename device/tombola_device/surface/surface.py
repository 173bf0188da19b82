"""The control surface without hardware: actions come in, a view goes out.

    face ─► Action ─► Surface.do ─► Doer ─► Player, ScenePage, SettingsPage, Calibrator, House
    face ◄── View ◄── Surface.view ◄─ the same, and what the daemon sees of the audio process and the slots

A face is what the player looks at and touches: the OLED with its buttons (``oled.face``), a browser, a test
(``fake``). Any number of faces share one surface.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tombola_device.contract.controls import SILENCE_DB
from tombola_device.contract.errors import TombolaError
from tombola_device.contract.words import Word
from tombola_device.play.player import Player
from tombola_device.surface.actions import CV_JACKS, Action
from tombola_device.surface.archive import Archive
from tombola_device.surface.calibrator import Calibrator
from tombola_device.surface.doer import PAGE_CHOICES, Doer
from tombola_device.surface.habits import Habits
from tombola_device.surface.house import House
from tombola_device.surface.outputs import GATE_VOLTS, GateOut, Sounding, output_volts
from tombola_device.surface.routing import Assignments, Jacks
from tombola_device.surface.scene_page import ScenePage
from tombola_device.surface.settings import SettingsPage
from tombola_device.surface.view import Option, Said, View

NOTICE_S: Final = 3.0
"""How long a notice is shown."""
_LOG = logging.getLogger(__name__)


def page_option(code: str | None) -> tuple[Option, ...]:
    """The row of the settings page that lets a computer show this panel; none where there is no line to one."""
    return () if code is None else (Option("page", PAGE_CHOICES, int(bool(code)), waits=True),)


class Surface:
    """Does what players ask for, and says how the instrument is.

    Args:
        player: The player.
        scenes: Saves and recalls scenes.
        settings: Applies and stores settings.
        calibrator: Calibrates the pitch input and the CV outputs.
        house: The rest of the instrument.
        archive: Backs up and restores what the pages keep.
        habits: What the player returns to.
        jacks: What faces may patch; None: a panel has the jacks.
    """

    def __init__(
        self,
        player: Player,
        scenes: ScenePage,
        settings: SettingsPage,
        calibrator: Calibrator,
        house: House,
        archive: Archive,
        habits: Habits,
        jacks: Jacks | None = None,
    ) -> None:
        self._player, self._scenes, self._settings = player, scenes, settings
        self._calibrator, self._habits, self._jacks = calibrator, habits, jacks
        self._doer = Doer(player, scenes, settings, calibrator, house, archive, habits, jacks)
        self._gate_out = GateOut()
        self._modes: tuple[str, ...] = ()
        self._notice, self._notice_s = "", 0.0
        self._answer: Said | None = None
        self._answer_s = 0.0
        """When it was first shown."""
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

    def set_modes(self, names: Sequence[str], begins: Sequence[float] = (), words: Sequence[Word] = ()) -> None:
        """A bundle with these modes plays from now on; ``begins``: its own blend; ``words``: its knobs."""
        self._modes = self._doer.modes = tuple(names)
        self._player.set_modes(len(names), begins, words)

    def do(self, action: Action, now_s: float) -> None:
        """Carry out one action; what goes wrong becomes a notice, and the music goes on."""
        try:
            self.tell(self._doer.do(action, now_s), now_s)
        except TombolaError as error:
            _LOG.warning("%s", error)
            self.tell(str(error), now_s)

    def tick(self, now_s: float) -> None:
        """Notice what ended without an action: a controller was taught, a calibration timed out."""
        self.tell(self._first_notice, now_s)
        self._first_notice = ""
        self._settings.tick(now_s)
        self._calibrator.tick(now_s)
        self._habits.learns = self._settings.settings.learns
        self._habits.tick(self._modes, now_s)
        self.tell(self._settings.learnt(), now_s)
        self.tell(self._calibrator.outcome(), now_s)

    def view(self, seen: View, now_s: float) -> View:
        """Complete what the daemon sees with what the surface knows.

        Args:
            seen: The audio process, the slots and the serial line, as the daemon sees them.
            now_s: By ``time.monotonic``.
        """
        player = self._player
        return replace(
            seen,
            modes=self._modes,
            blend=tuple(player.blend.tolist()) if self._modes else (),
            hand_blend=tuple(player.hand_blend.tolist()) if self._modes else (),
            weights=player.weights if self._modes else (),
            place=player.hand_place,
            timbre=player.timbre,
            life=player.life,
            words=player.words if self._modes else (),
            loudness_db=player.loudness_db,
            glide_s=player.glide_s,
            tune_semitones=player.tune_semitones,
            held=player.held_notes,
            scenes=self._scenes.words,
            scene_names=self._scenes.names,
            calibration=self._calibrator.text,
            pitch_volts=self._calibrator.pitch_volts,
            jacks=tuple(self._jacks.volts.get(jack, 0.0) for jack in CV_JACKS) if self._jacks is not None else (),
            outputs=self._output_volts(max(seen.levels_db, default=SILENCE_DB), now_s),
            options=(*self._settings.options(), *page_option(seen.page_code)),
            learning=self._settings.learning,
            notice=self._notice if now_s - self._notice_s < NOTICE_S else "",
            answer=self._shown_answer(now_s),
        )

    def sounding(self, level_db: float) -> Sounding:
        """What the outputs can follow; ``level_db``: of the loudest voice."""
        player = self._player
        return Sounding(
            level_db=level_db,
            note=player.first_note,
            blend=tuple(player.blend.tolist()),
            place=player.place,
            held=player.held > 0,
            pulses=player.clock.pulses,
        )

    def _output_volts(self, level_db: float, now_s: float) -> tuple[float, float, float]:
        """Volts at CV A, CV B and GATE."""
        sounding, assigned = self.sounding(level_db), self.outputs
        gate = GATE_VOLTS * self._gate_out.level(assigned.gate, sounding, now_s)
        return output_volts(assigned.cv_a, sounding), output_volts(assigned.cv_b, sounding), gate

    def _shown_answer(self, now_s: float) -> Said | None:
        if self._answer is not self._doer.answer:
            self._answer, self._answer_s = self._doer.answer, now_s
        return self._answer if now_s - self._answer_s < NOTICE_S else None
