"""The place in the menu, and the actions that a turn or a push asks for there. Pure.

SHIFT and turn ─► through the pages: play, scenes, settings, calibrate, slots, about
play: turn ─► morph; push ─► scenes
any page: long push ─► play; AWAY_S without a touch ─► play
SAVE ─► save the scene that was last chosen; long SAVE ─► panic; SHIFT+SAVE held ─► open for an owner's key
a key asks ─► push: accept it, turn: turn it down, whatever the page
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from tombola_device.surface.actions import (
    JACKS,
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
    RandomScene,
    RecallScene,
    Revert,
    SaveScene,
    StopLearning,
    Suggest,
    TurnDownKey,
)
from tombola_device.surface.oled.buttons import Push
from tombola_device.surface.view import View

AWAY_S: Final = 20.0
MORPH_PER_CLICK: Final = 1 / 48
"""Two turns of the encoder from the first mode to the last."""
READ_S: Final = 1.0
"""A question that comes while the player pushes for something else must have been shown for so long."""


class Page(Enum):
    """The pages, in the order in which SHIFT and the encoder go through them."""

    PLAY = "play"
    SCENES = "scenes"
    SETTINGS = "settings"
    CALIBRATE = "calibrate"
    SLOTS = "slots"
    ABOUT = "about"


SLOT_ROWS: Final = ("go back", "allow", "pair")
IDEAS: Final[dict[str, Action]] = {"suggest": Suggest(), "random": RandomScene()}
"""The rows after the scenes."""


class Menu:
    """The state of the menu.

    SHIFT and the encoder change the page; on a page the encoder chooses a row and a push acts on it.

    >>> menu, view = Menu(), View()
    >>> menu.turn(4, view, now_s=0.0, shift=True), menu.page
    ([], <Page.SLOTS: 'slots'>)
    >>> [menu.push(Push("ENC_SW"), view, now_s=0.0) for _ in range(2)]
    [[], [Revert()]]
    """

    def __init__(self) -> None:
        self.page = Page.PLAY
        self.row = 0
        self._asked: Action | None = None
        self.editing = False
        self.candidate = 0
        """The choice that is shown, but does not hold yet, of an option that waits."""
        self.scene = 0
        self._touched_s = 0.0
        self._key, self._key_s = "", 0.0

    @property
    def asks(self) -> bool:
        """Whether the row waits for a second push, because its action cannot be undone."""
        return self._asked is not None

    def turn(self, steps: int, view: View, now_s: float, *, shift: bool) -> list[Action]:
        """Give the actions of a turn of the encoder."""
        self._touched_s, self._asked = now_s, None
        if view.asking_key:
            return [TurnDownKey()] if self._read(view, now_s) else []
        if view.learning:
            return [StopLearning()]
        if shift:
            pages = list(Page)
            self._go(pages[(pages.index(self.page) + steps) % len(pages)])
            return []
        if self.page is Page.PLAY:
            return [MorphBy(steps * MORPH_PER_CLICK)]
        if self.page is Page.SETTINGS and self.editing and self.row < len(view.options):
            option = view.options[self.row]
            if option.waits:
                self.candidate = (self.candidate + steps) % len(option.choices)
                return []
            return [Choose(option.name, option.choices[(option.chosen + steps) % len(option.choices)])]
        if self.page is not Page.CALIBRATE or not view.calibration:
            self.row = min(max(self.row + steps, 0), max(self._rows(view) - 1, 0))
        return []

    def push(self, push: Push, view: View, now_s: float) -> list[Action]:
        """Give the actions of a push."""
        self._touched_s = now_s
        if push.name == "SHIFT+SAVE":
            return [Enrol()]
        if push.name == "SAVE":
            if push.long:
                return [Panic()]
            place = self.row if self.page is Page.SCENES and self.row < len(view.scenes) else self.scene
            self.scene = place
            return [SaveScene(place)]
        if push.name != "ENC_SW":
            return []
        if view.asking_key:
            return [AcceptKey(view.asking_key)] if self._read(view, now_s) and not push.long else []
        if view.learning and not push.long:
            return [StopLearning()]
        if push.long:
            wizard = self.page is Page.CALIBRATE and bool(view.calibration)
            self._go(Page.PLAY)
            return [CancelCalibration()] if wizard else []
        return self._enter(view)

    def tick(self, view: View, now_s: float) -> None:
        """Take the time; the play page comes back after AWAY_S, but not while a calibration runs."""
        if view.asking_key != self._key:
            self._key, self._key_s = view.asking_key, now_s
        if now_s - self._touched_s > AWAY_S and not (self.page is Page.CALIBRATE and view.calibration):
            if self.page is not Page.PLAY:
                self._go(Page.PLAY)
            self._asked = None

    def _read(self, view: View, now_s: float) -> bool:
        """Whether the key that asks has been shown long enough."""
        return view.asking_key == self._key and now_s - self._key_s >= READ_S

    def _go(self, page: Page) -> None:
        self.page, self._asked, self.editing = page, None, False
        self.row = self.scene if page is Page.SCENES else 0

    def _rows(self, view: View) -> int:
        return {
            Page.SCENES: len(view.scenes) + len(IDEAS),
            Page.SETTINGS: len(view.options),
            Page.CALIBRATE: len(JACKS),
            Page.SLOTS: len(SLOT_ROWS),
            Page.ABOUT: len(view.about),
        }.get(self.page, 1)

    def _enter(self, view: View) -> list[Action]:
        """The encoder was pushed."""
        if self.page is Page.PLAY:
            self._go(Page.SCENES)
        elif self.page is Page.SCENES:
            if self.row >= len(view.scenes):
                return [tuple(IDEAS.values())[self.row - len(view.scenes)]]
            if view.scenes[self.row]:
                self.scene = self.row
                return [RecallScene(self.row)]
        elif self.page is Page.SETTINGS:
            return self._edit(view)
        elif self.page is Page.CALIBRATE:
            return [ConfirmCalibration() if view.calibration else Calibrate(JACKS[self.row])]
        elif self.page is Page.SLOTS:
            return self._confirmed((Revert(), AllowOnce(view.asking_bundle), Enrol())[self.row])
        return []

    def _edit(self, view: View) -> list[Action]:
        """Begin or end choosing; a choice that waits takes hold at the end."""
        if self.row >= len(view.options):
            return []
        self.editing = not self.editing
        option = view.options[self.row]
        if self.editing:
            self.candidate = option.chosen
        elif option.waits and option.chosen != self.candidate < len(option.choices):
            return [Choose(option.name, option.choices[self.candidate])]
        return []

    def _confirmed(self, action: Action) -> list[Action]:
        """An action that cannot be undone takes two pushes; if another bundle asks meanwhile, it takes two for that."""
        if self._asked != action:
            self._asked = action
            return []
        self._asked = None
        return [action]
