"""The face on the module: buttons and encoder ask, display and LEDs show.

PanelIn.state ─► Buttons ─► Menu ─► actions;   View ─► pages ─► Display;   View ─► LEDs
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from tombola_device import __version__
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.edge import Edge
from tombola_device.hal.panel.display import Display, open_display
from tombola_device.hal.panel.i2c import open_i2c
from tombola_device.hal.panel.late import Late, LateLeds
from tombola_device.hal.panel.leds import Leds
from tombola_device.hal.panel.pins import Led, PinMap
from tombola_device.hal.panel.port import BUTTONS, PanelState
from tombola_device.surface.actions import Action, StopLearning
from tombola_device.surface.oled.buttons import Buttons
from tombola_device.surface.oled.leds import levels
from tombola_device.surface.oled.menu import Menu, Page
from tombola_device.surface.oled.pages import boot_picture, draw
from tombola_device.surface.view import View

if TYPE_CHECKING:
    from PIL.Image import Image

DRAW_S: Final = 0.05
"""Twenty pictures a second: a full one takes 25 ms of the bus."""
CHANNELS: Final = 16
_LOG = logging.getLogger(__name__)


class Readings(Protocol):
    """Where the face finds the newest reading of the panel; ``PanelIn`` is the real one.

    >>> class Untouched:
    ...     state = PanelState((0.0,) * 8, {}, turns=1)
    >>> readings: Readings = Untouched()
    >>> OledFace(readings, leds=[]).poll(View(), now_s=0.0)
    [MorphBy(amount=0.020833333333333332)]
    """

    @property
    def state(self) -> PanelState | None:
        """The reading of this tick; None if the panel was not read."""


class Lights(Protocol):
    """The driver of the LEDs.

    >>> class Kept:
    ...     def show(self, channels, /): self.channels = channels
    >>> lights: Lights = Kept()
    >>> lights.show([0.5] * 16)
    """

    def show(self, channels: list[float], /) -> None:
        """Set the light of each channel, 0 … 1, shape (16,).

        Raises:
            DeviceUnavailable: The driver does not answer.
        """


class OledFace:
    """Buttons, encoder, display and LEDs of a panel.

    Args:
        readings: The panel's readings.
        leds: The channels of each LED.
        display: The display; None without one.
        lights: The driver of the LEDs; None without one.
    """

    def __init__(
        self, readings: Readings, leds: Sequence[Led], display: Display | None = None, lights: Lights | None = None
    ) -> None:
        self._readings, self._leds, self._display, self._lights = readings, leds, display, lights
        self._buttons, self.menu = Buttons(), Menu()
        self._draw_s = 0.0
        self._edge = Edge("the display")
        self._picture(boot_picture(__version__))

    @property
    def touched(self) -> bool:
        """See Face."""
        state = self._readings.state
        return state is not None and bool(state.turns or any(edge.name in BUTTONS for edge in state.edges))

    def poll(self, view: View, now_s: float) -> list[Action]:
        """See Face."""
        page, actions = self.menu.page, self._actions(view, now_s)
        self.menu.tick(view, now_s)
        if page is Page.SETTINGS and self.menu.page is not page:
            actions.append(StopLearning())  # Whoever leaves the page does not wait for a controller any more.
        if now_s - self._draw_s >= DRAW_S:
            self._draw_s = now_s
            self._show(view, now_s)
        return actions

    def close(self) -> None:
        """See Face."""
        if self._display is not None:
            self._edge.call(self._display.close, otherwise=None)
        self._light([0.0] * CHANNELS)

    def _actions(self, view: View, now_s: float) -> list[Action]:
        state = self._readings.state
        if state is None:
            return []
        actions: list[Action] = []
        if state.turns:
            actions += self.menu.turn(state.turns, view, now_s, shift=self._buttons.shift)
        pushes = [push for edge in state.edges for push in self._buttons.edge(edge)]
        for push in (*pushes, *self._buttons.tick(now_s)):
            actions += self.menu.push(push, view, now_s)
        return actions

    def _show(self, view: View, now_s: float) -> None:
        if self._display is not None:
            self._picture(draw(view, self.menu))
        channels = [0.0] * CHANNELS
        for led, (red, green) in zip(self._leds, levels(view, now_s), strict=True):
            channels[led.red], channels[led.green] = red, green
        self._light(channels)

    def _picture(self, picture: Image) -> None:
        display = self._display
        if display is not None:
            self._edge.call(lambda: display.show(picture), otherwise=None)

    def _light(self, channels: list[float]) -> None:
        if self._lights is None:
            return
        try:
            self._lights.show(channels)
        except DeviceUnavailable as error:
            _LOG.debug("%s", error)  # The next picture may arrive.


def open_chips(pins: PinMap, *, real: bool) -> tuple[Display | None, Lights | None]:
    """Open the display and the LEDs of the board, each from when it answers; none if not ``real``."""
    if not real:
        return None, None
    late = Late(lambda: Leds(open_i2c(pins.i2c.bus), pins.i2c.addresses["LEDS"]))
    if late.fault:
        _LOG.warning("%s", late.fault)
    return open_display(pins.i2c.bus, pins.i2c.addresses["OLED"]), LateLeds(late)
