"""Where the player is in the menu, and what a turn or a push means there. Pure.

play ◄─turn─► (nothing: it moves the morph)      push ─► next page: scenes ─► settings ─► calibrate ─► slots ─► about
any page: long push ─► play; after AWAY_S without a touch ─► play
SAVE ─► keep the scene that was last chosen; long SAVE ─► silence; SHIFT+SAVE held ─► enrol an owner
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from tombola_device.surface.buttons import Push
from tombola_device.surface.view import View

AWAY_S: Final = 20.0
MORPH_PER_CLICK: Final = 1 / 48
"""Two turns of the encoder from the first mode to the last."""


class Page(Enum):
    """The pages, in the order in which SHIFT and the encoder walk through them."""

    PLAY = "play"
    SCENES = "scenes"
    SETTINGS = "settings"
    CALIBRATE = "calibrate"
    SLOTS = "slots"
    ABOUT = "about"


@dataclass(frozen=True, slots=True)
class MorphBy:
    """Walk on through the modes."""

    amount: float


@dataclass(frozen=True, slots=True)
class SaveScene:
    """Keep the scene at a place."""

    place: int


@dataclass(frozen=True, slots=True)
class RecallScene:
    """Bring the scene of a place back."""

    place: int


@dataclass(frozen=True, slots=True)
class Choose:
    """Give a setting another choice."""

    option: int
    choice: int


class Do(Enum):
    """What needs no figure."""

    CALIBRATE = "begin, or push in the wizard"
    CANCEL = "cancel the wizard"
    STOP_LEARNING = "no controller is to be taught any more"
    REVERT = "go back to the previous bundle"
    ALLOW_UNSIGNED = "let the next bundle be unsigned"
    ENROL = "open for an owner's key"
    SILENCE = "panic"


Action: TypeAlias = MorphBy | SaveScene | RecallScene | Choose | Do
CALIBRATE_ROWS: Final = ("V/OCT", "CV A", "CV B")
SLOT_ROWS: Final = (Do.REVERT, Do.ALLOW_UNSIGNED, Do.ENROL)


class Menu:
    """The state of the menu.

    Pages are walked through with SHIFT and the encoder; on a page the encoder chooses and a push does.
    """

    def __init__(self) -> None:
        self.page = Page.PLAY
        self.row = 0
        self.asks = False
        """Whether the row waits for a second push, since what it does cannot be undone."""
        self.editing = False
        self.candidate = 0
        """The choice that is shown while one that waits is made."""
        self.scene = 0
        self._touched_s = 0.0

    def turn(self, steps: int, view: View, now_s: float, *, shift: bool) -> list[Action]:
        """The encoder was turned."""
        self._touched_s, self.asks = now_s, False
        if view.learning:
            return [Do.STOP_LEARNING]
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
            return [Choose(self.row, (option.chosen + steps) % len(option.choices))]
        if self.page is not Page.CALIBRATE or not view.calibration:
            self.row = min(max(self.row + steps, 0), max(self._rows(view) - 1, 0))
        return []

    def push(self, push: Push, view: View, now_s: float) -> list[Action]:
        """A button was pushed."""
        self._touched_s = now_s
        if push.name == "SHIFT+SAVE":
            return [Do.ENROL]
        if push.name == "SAVE":
            if push.long:
                return [Do.SILENCE]
            place = self.row if self.page is Page.SCENES else self.scene
            self.scene = place
            return [SaveScene(place)]
        if push.name != "ENC_SW":
            return []
        if view.learning and not push.long:
            return [Do.STOP_LEARNING]
        if push.long:
            wizard = self.page is Page.CALIBRATE and bool(view.calibration)
            self._go(Page.PLAY)
            return [Do.CANCEL] if wizard else []
        return self._enter(view)

    def tick(self, view: View, now_s: float) -> None:
        """Time passes; the play page comes back, but not out of the wizard."""
        if now_s - self._touched_s > AWAY_S and not (self.page is Page.CALIBRATE and view.calibration):
            if self.page is not Page.PLAY:
                self._go(Page.PLAY)
            self.asks = False

    def _go(self, page: Page) -> None:
        self.page, self.asks, self.editing = page, False, False
        self.row = self.scene if page is Page.SCENES else 0

    def _rows(self, view: View) -> int:
        return {
            Page.SCENES: len(view.scenes),
            Page.SETTINGS: len(view.options),
            Page.CALIBRATE: len(CALIBRATE_ROWS),
            Page.SLOTS: len(SLOT_ROWS),
            Page.ABOUT: len(view.about),
        }.get(self.page, 1)

    def _enter(self, view: View) -> list[Action]:
        """The encoder was pushed."""
        if self.page is Page.PLAY:
            self._go(Page.SCENES)
        elif self.page is Page.SCENES:
            if view.scenes[self.row]:
                self.scene = self.row
                return [RecallScene(self.row)]
        elif self.page is Page.SETTINGS:
            return self._edit(view)
        elif self.page is Page.CALIBRATE:
            return [Do.CALIBRATE]
        elif self.page is Page.SLOTS:
            return self._confirmed(SLOT_ROWS[self.row])
        return []

    def _edit(self, view: View) -> list[Action]:
        """Begin to choose, or end it; only then a choice that waits takes hold."""
        if self.row >= len(view.options):
            return []
        self.editing = not self.editing
        option = view.options[self.row]
        if self.editing:
            self.candidate = option.chosen
        elif option.waits and option.chosen != self.candidate < len(option.choices):
            return [Choose(self.row, self.candidate)]
        return []

    def _confirmed(self, action: Do) -> list[Action]:
        """What cannot be undone takes two pushes."""
        if not self.asks:
            self.asks = True
            return []
        self.asks = False
        return [action]
