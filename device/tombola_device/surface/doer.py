"""What each action does, one line an action."""

from __future__ import annotations

from typing import Final, assert_never

from tombola_device.play.player import Player
from tombola_device.surface.actions import (
    AcceptKey,
    Action,
    AllowOnce,
    BlendAction,
    Calibrate,
    CancelCalibration,
    Choose,
    ConfirmCalibration,
    Enrol,
    Gate,
    HouseAction,
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
    SceneAction,
    SetBlend,
    SetGlide,
    SetLife,
    SetLoudness,
    SetTimbre,
    SetTune,
    SetupAction,
    SetWeight,
    SetWord,
    SoundAction,
    StopLearning,
    Suggest,
    TurnDownKey,
)
from tombola_device.surface.archive import Archive
from tombola_device.surface.calibrator import Calibrator
from tombola_device.surface.habits import Habits, words_of
from tombola_device.surface.house import House
from tombola_device.surface.routing import Jacks
from tombola_device.surface.scene_page import ScenePage
from tombola_device.surface.settings import SettingsPage
from tombola_device.surface.view import Said

PAGE_CHOICES: Final = ("closed", "open")


class Doer:
    """Carries out actions; its arguments are those of ``Surface``."""

    def __init__(
        self,
        player: Player,
        scenes: ScenePage,
        settings: SettingsPage,
        calibrator: Calibrator,
        house: House,
        archive: Archive,
        habits: Habits,
        jacks: Jacks | None,
    ) -> None:
        self._player, self._scenes, self._archive, self._habits = player, scenes, archive, habits
        self._settings, self._calibrator, self._house, self._jacks = settings, calibrator, house, jacks
        self.modes: tuple[str, ...] = ()
        """Of the bundle that plays."""
        self.answer: Said | None = None
        """To the last action that carried a ticket."""

    def do(self, action: Action, now_s: float) -> str:
        """Carry out one action. Gives a notice for the player; empty: nothing to say."""
        if isinstance(action, BlendAction):
            return self._change_blend(action)
        if isinstance(action, SoundAction):
            return self._change_sound(action, now_s)
        if isinstance(action, SceneAction):
            return self._change_scene(action)
        if isinstance(action, SetupAction):
            return self._set_up(action, now_s)
        return self._ask_house(action)

    def _change_blend(self, action: BlendAction) -> str:
        match action:
            case MorphBy(amount):
                self._player.morph(self._habits.moved(self._player.hand_place, amount, self.modes))
            case Morph(place):
                self._player.morph(place)
            case SetWeight(mode, weight):
                self._player.set_weight(mode, weight)
            case SetBlend(weights):
                self._player.set_blend(weights)
            case SetWord(word, place):
                return self._turn_word(word, place)
            case _:
                assert_never(action)
        return ""

    def _turn_word(self, word: str, place: float) -> str:
        names = [name for name, _ in self._player.words]
        if word not in names:
            return f"the bundle that plays has no knob {word}"
        self._player.turn_word(names.index(word), place)
        return ""

    def _change_sound(self, action: SoundAction, now_s: float) -> str:
        match action:
            case SetTimbre(x, y):
                self._player.set_timbre(0, x)
                self._player.set_timbre(1, y)
            case SetLoudness(offset_db):
                self._player.set_loudness(offset_db)
            case SetLife(amount):
                self._player.set_life(amount)
            case SetGlide(seconds):
                self._player.glide(seconds)
            case SetTune(semitones):
                self._player.tune(semitones)
            case Patch() | Gate():
                return self._touch_jack(action, now_s)
            case Panic():
                self._player.panic()
            case _:
                assert_never(action)
        return ""

    def _touch_jack(self, action: Patch | Gate, now_s: float) -> str:
        if self._jacks is None:
            return "this instrument has jacks of its own; patch a cable"
        if isinstance(action, Patch):
            self._jacks.patch(action.jack, action.volts)
        else:
            self._jacks.gate(action.jack, high=action.high, time_s=now_s)
        return ""

    def _change_scene(self, action: SceneAction) -> str:
        match action:
            case SaveScene(place):
                return self._scenes.save(place, self.modes)
            case RecallScene(place):
                return self._recall(place)
            case RandomScene() | Suggest():
                return self._try(suggested=isinstance(action, Suggest))
            case RenameScene(place, name):
                return self._scenes.rename(place, name)
            case _:
                assert_never(action)

    def _recall(self, place: int) -> str:
        notice = self._scenes.recall(place, self.modes)
        if not notice:
            self._habits.recalled(place, self.modes)
        return notice

    def _try(self, *, suggested: bool) -> str:
        """Let what the habits suggest hold, or something at random."""
        if not self.modes:
            return "no bundle plays; flash one first"
        if suggested and not self._settings.settings.learns:
            return "nothing is learned; set learns to on, and play"
        idea = self._habits.suggest(self.modes) if suggested else self._habits.random(self.modes)
        if idea is None:
            return "play a minute more, then ask again"
        self._scenes.try_out(idea.blend, idea.timbre, idea.life)
        return words_of(idea, self.modes)

    def _set_up(self, action: SetupAction, now_s: float) -> str:
        match action:
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
            case MakeBackup(ticket):
                self._reply(Said(ticket, self._archive.backup()))
            case Restore(backup, ticket):
                self._archive.restore(backup, ticket, self._reply)
            case _:
                assert_never(action)
        return ""

    def _ask_house(self, action: HouseAction) -> str:
        match action:
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

    def _reply(self, said: Said) -> None:
        self.answer = said
