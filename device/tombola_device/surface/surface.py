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
from typing import Final, assert_never

from tombola_device.contract.controls import SILENCE_DB
from tombola_device.contract.errors import TombolaError
from tombola_device.contract.words import Word
from tombola_device.play.player import Player
from tombola_device.surface.actions import (
    CV_JACKS,
    AcceptKey,
    Action,
    AllowOnce,
    Calibrate,
    CancelCalibration,
    Choose,
    ConfirmCalibration,
    Enrol,
    Gate,
    MakeBackup,
    Morph,
    MorphBy,
    Panic,
    Patch,
    RandomScene,
    RecallScene,
    RenameScene,
    Restore,
    Revert,
    SaveScene,
    SetBlend,
    SetGlide,
    SetLife,
    SetLoudness,
    SetTimbre,
    SetTune,
    SetWeight,
    SetWord,
    StopLearning,
    Suggest,
    TurnDownKey,
)
from tombola_device.surface.archive import Archive
from tombola_device.surface.calibrator import Calibrator
from tombola_device.surface.habits import Habits, words_of
from tombola_device.surface.house import House
from tombola_device.surface.outputs import GATE_VOLTS, GateOut, Sounding, output_volts
from tombola_device.surface.routing import Assignments, Jacks
from tombola_device.surface.scene_page import ScenePage
from tombola_device.surface.settings import SettingsPage
from tombola_device.surface.view import Option, Said, View

PAGE_CHOICES: Final = ("closed", "open")
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
        self._player, self._scenes, self._archive = player, scenes, archive
        self._settings, self._calibrator, self._house, self._jacks = settings, calibrator, house, jacks
        self._gate_out = GateOut()
        self._habits = habits
        self._modes: tuple[str, ...] = ()
        self._notice, self._notice_s = "", 0.0
        self._answer: Said | None = None
        self._answer_s: float | None = None
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
        self._modes = tuple(names)
        self._player.set_modes(len(names), begins, words)

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
        if self._answer is None:
            return None
        self._answer_s = now_s if self._answer_s is None else self._answer_s
        if now_s - self._answer_s >= NOTICE_S:
            self._answer = None
        return self._answer

    def _reply(self, said: Said) -> None:
        self._answer, self._answer_s = said, None

    def _recall(self, place: int) -> str:
        notice = self._scenes.recall(place, self._modes)
        if not notice:
            self._habits.recalled(place, self._modes)
        return notice

    def _try(self, *, suggested: bool) -> str:
        """Let what the habits suggest hold, or something at random."""
        if not self._modes:
            return "no bundle plays; flash one first"
        if suggested and not self._settings.settings.learns:
            return "nothing is learned; set learns to on, and play"
        idea = self._habits.suggest(self._modes) if suggested else self._habits.random(self._modes)
        if idea is None:
            return "play a minute more, then ask again"
        self._scenes.try_out(idea.blend, idea.timbre, idea.life)
        return words_of(idea, self._modes)

    def _carry_out(self, action: Action, now_s: float) -> str:  # noqa: C901, PLR0911, PLR0912 - one line an action
        """Carry out one action. Gives a notice for the player; empty: nothing to say."""
        match action:
            case MorphBy(amount):
                self._player.morph(self._habits.moved(self._player.hand_place, amount, self._modes))
            case Morph(place):
                self._player.morph(place)
            case SetWeight(mode, weight):
                self._player.set_weight(mode, weight)
            case SetBlend(weights):
                self._player.set_blend(weights)
            case SetTimbre(x, y):
                self._player.set_timbre(0, x)
                self._player.set_timbre(1, y)
            case SetLoudness(offset_db):
                self._player.set_loudness(offset_db)
            case SetLife(amount):
                self._player.set_life(amount)
            case SetWord(word, place):
                return self._turn_word(word, place)
            case SetGlide(seconds):
                self._player.glide(seconds)
            case SetTune(semitones):
                self._player.tune(semitones)
            case Patch() | Gate():
                return self._touch_jack(action, now_s)
            case SaveScene(place):
                return self._scenes.save(place, self._modes)
            case RecallScene(place):
                return self._recall(place)
            case RandomScene() | Suggest():
                return self._try(suggested=isinstance(action, Suggest))
            case RenameScene(place, name):
                return self._scenes.rename(place, name)
            case MakeBackup(ticket):
                self._reply(Said(ticket, self._archive.backup()))
            case Restore(backup, ticket):
                self._archive.restore(backup, ticket, self._reply)
            case Choose("page", choice) if choice in PAGE_CHOICES:
                return self._house.open_page(opened=choice == PAGE_CHOICES[1])
            case Choose(option, choice):
                notice = self._settings.choose(option, choice)
                return self._habits.forget() if (option, choice) == ("learns", "forget") else notice
            case Calibrate(jack):
                return self._calibrator.begin(jack, now_s)
            case ConfirmCalibration():
                self._calibrator.confirm(now_s)
            case CancelCalibration():
                self._calibrator.cancel()
            case StopLearning():
                self._settings.stop_learning()
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

    def _turn_word(self, word: str, place: float) -> str:
        names = [name for name, _ in self._player.words]
        if word not in names:
            return f"the bundle that plays has no knob {word}"
        self._player.turn_word(names.index(word), place)
        return ""

    def _touch_jack(self, action: Patch | Gate, now_s: float) -> str:
        if self._jacks is None:
            return "this instrument has jacks of its own; patch a cable"
        if isinstance(action, Patch):
            self._jacks.patch(action.jack, action.volts)
        else:
            self._jacks.gate(action.jack, high=action.high, time_s=now_s)
        return ""
