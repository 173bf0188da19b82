"""All that moves the player: MIDI sources, the panel, a performance from a file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from tombola_device.config import Config
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.engine.offline import BlendAutomation
from tombola_device.engine.player import Player
from tombola_device.hal.midi import MidiIn
from tombola_device.hal.midi_din import DinIn
from tombola_device.hal.midi_ports import PortsIn
from tombola_device.hal.midi_socket import SocketIn
from tombola_device.hal.panel import Panel, PanelMap, open_panel

PANEL_S = 0.005
"""A turn of a knob is sampled 200 times a second: twice as often as it can be heard."""
_LOG = logging.getLogger(__name__)


class Inputs:
    """Moves one player.

    Args:
        player: Who is played.
        sources: Where MIDI comes from.
        panel: Knobs and CV, if any.
        clock: Seconds.
    """

    def __init__(
        self,
        player: Player,
        sources: Sequence[MidiIn],
        panel: Panel | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._player, self._sources, self._panel, self._clock = player, list(sources), panel, clock
        self._map = PanelMap(player)
        self._panel_s = -PANEL_S
        self._performance: MidiIn | None = None
        self._automation: BlendAutomation | None = None
        self._start_s = 0.0

    @property
    def names(self) -> list[str]:
        """What is listened to."""
        return [source.name for source in self._sources]

    @property
    def panel_name(self) -> str:
        """The panel; empty: none."""
        return self._panel.name if self._panel is not None else ""

    def perform(self, performance: MidiIn | None, automation: BlendAutomation | None) -> None:
        """Begin a performance from a file, with a blend that moves by itself."""
        self._performance, self._automation, self._start_s = performance, automation, self._clock()

    @property
    def performing(self) -> bool:
        """Whether a performance goes on."""
        return self._performance is not None or self._automation is not None

    def poll(self) -> bool:
        """Pass on what came; True if anything did. Does not wait."""
        changed = False
        for source in [*self._sources, *([self._performance] if self._performance is not None else [])]:
            for message in source.poll():
                self._player.midi(*message, time_s=self._clock())
                changed = True
        if self._performance is not None and self._performance.done:
            self._performance = None
        return self._move_blend() | self._read_panel() | changed

    def close(self) -> None:
        """Give all sources back."""
        for source in self._sources:
            source.close()
        if self._panel is not None:
            self._panel.close()

    def _move_blend(self) -> bool:
        automation = self._automation
        if automation is None:
            return False
        at_s = self._clock() - self._start_s
        if len(automation.blend[0]) == self._player.modes:
            self._player.set_blend(automation.at(at_s))
        if at_s >= automation.time_s[-1]:
            self._automation = None
        return True

    def _read_panel(self) -> bool:
        now_s = self._clock()
        if self._panel is None or now_s - self._panel_s < PANEL_S:
            return False
        self._panel_s = now_s
        try:
            return self._map.apply(self._panel.read())
        except DeviceUnavailable as error:
            _LOG.warning("%s", error)
            self._panel.close()
            self._panel = None
            return False


def open_inputs(config: Config, player: Player) -> Inputs:
    """Open what the configuration names; with ``auto``, what is not there is left out.

    Raises:
        DeviceUnavailable: An input that was named is not there.
        BadConfig: A name cannot be understood.
    """
    sources: list[MidiIn] = []
    if config.midi != "none":
        try:
            sources.append(PortsIn("" if config.midi == "auto" else config.midi))
        except DeviceUnavailable as error:
            if config.midi != "auto":
                raise
            _LOG.info("%s", error)
    if config.midi_serial:
        sources.append(DinIn(config.midi_serial, thru=config.midi_thru))
    if config.midi_socket:
        sources.append(SocketIn(config.midi_socket))
    return Inputs(player, sources, open_panel(config.panel))
