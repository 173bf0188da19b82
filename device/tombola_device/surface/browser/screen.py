"""The page's own display, buttons and encoder: those of the module, drawn here and pressed there. One for all pages.

It is the face of the module itself (``oled.face``), in the server's process, so it costs the instrument nothing.
"""

from __future__ import annotations

import base64
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.hal.panel.port import BUTTONS, Edge, PanelState
from tombola_device.surface.actions import Action
from tombola_device.surface.oled.face import OledFace
from tombola_device.surface.view import View

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_CLICKS: Final = 100


class Screen:
    """A virtual OLED with its buttons and its encoder."""

    def __init__(self) -> None:
        self._hands, self._display = _Hands(), _Display()
        self._face = OledFace(self._hands, load_pin_map().leds, self._display) if find_spec("PIL") is not None else None

    @property
    def picture(self) -> str:
        """The picture: 128 × 64 bits, rows from the top, base64; empty where pillow is not installed."""
        return self._display.text

    def press(self, name: str, *, high: bool, now_s: float) -> None:
        """A button goes down (``high``) or up; other names are ignored."""
        if name in BUTTONS:
            self._hands.edges.append(Edge(name, high, now_s))

    def turn(self, clicks: int) -> None:
        """The encoder is turned; right is positive."""
        self._hands.turns += min(max(clicks, -MOST_CLICKS), MOST_CLICKS)

    def poll(self, view: View, now_s: float) -> list[Action]:
        """Draw the view, and give what the buttons ask for."""
        if self._face is None:
            return []
        self._hands.read()
        return self._face.poll(view, now_s)


class _Hands:
    """What was pressed and turned since the last reading."""

    def __init__(self) -> None:
        self.edges: list[Edge] = []
        self.turns = 0
        self.state: PanelState | None = None

    def read(self) -> None:
        self.state = PanelState((), {}, tuple(self.edges), self.turns)
        self.edges, self.turns = [], 0


class _Display:
    """Keeps the newest picture."""

    def __init__(self) -> None:
        self.text = ""

    def show(self, image: Image) -> None:
        """See Display."""
        self.text = base64.b64encode(image.tobytes()).decode()

    def close(self) -> None:
        """See Display."""
