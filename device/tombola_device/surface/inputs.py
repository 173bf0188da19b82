"""Everything that moves the player: MIDI sources, the panel, a performance from files."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from tombola_device.config import Config
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.edge import Edge
from tombola_device.hal.keyboard.open import open_keyboard
from tombola_device.hal.midi.bytes import MidiMessage
from tombola_device.hal.midi.din import DinIn
from tombola_device.hal.midi.held import Sources
from tombola_device.hal.midi.port import MidiIn
from tombola_device.hal.midi.ports import NO_PORT, open_ports
from tombola_device.hal.midi.socket import SocketIn
from tombola_device.hal.midi.typed import WHAT_TO_PRESS, TypedIn
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.offline import BlendAutomation
from tombola_device.play.player import Player
from tombola_device.surface.panel import PanelIn

_LOG = logging.getLogger(__name__)


class Inputs:
    """Moves one player.

    Args:
        player: The player.
        midi_map: What MIDI messages do to it.
        sources: Where MIDI comes from.
        panel: Knobs and jacks; None without a panel.
        clock: Seconds.
    """

    def __init__(
        self,
        player: Player,
        midi_map: MidiMap,
        sources: Sequence[MidiIn],
        panel: PanelIn | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._player, self._midi_map, self._sources, self._clock = player, midi_map, list(sources), clock
        self._panel = panel
        self._edges = {source: Edge(f"the MIDI input {source.name}") for source in self._sources}
        self.came_s = self._polled_s = clock()
        """When the newest changes came in: at the edge, or, if unknown, at the earliest after the poll before."""
        self._performance: MidiIn | None = None
        self._automation: BlendAutomation | None = None
        self._start_s = 0.0

    @property
    def names(self) -> list[str]:
        """The MIDI sources."""
        return [source.name for source in self._sources]

    @property
    def what_to_press(self) -> str:
        """What a player without a panel is told; empty: there is nothing to say."""
        if self._panel is not None or not self._sources:
            return ""
        if any(isinstance(source, TypedIn) for source in self._sources):
            return WHAT_TO_PRESS
        if self.names == [NO_PORT]:
            return "no keyboard: connect a MIDI keyboard, or start it in a terminal, where letter keys play"
        return f"play on {', '.join(self.names)}"

    def perform(self, performance: MidiIn | None, automation: BlendAutomation | None) -> None:
        """Begin a performance from files: notes, and a blend that moves by itself."""
        self._performance, self._automation, self._start_s = performance, automation, self._clock()

    @property
    def performing(self) -> bool:
        """Whether a performance is going on."""
        return self._performance is not None or self._automation is not None

    def poll(self) -> bool:
        """Pass on what came in; True if the player was moved. Does not wait."""
        changed = False
        self.came_s, self._polled_s = self._polled_s, self._clock()
        for source, edge in self._edges.items():
            changed |= self._receive(edge.call(source.poll, otherwise=[]))
        if self._performance is not None:
            changed |= self._receive(self._performance.poll())
            if self._performance.done:
                self._performance = None
        changed |= self._move_blend()
        if self._panel is None:
            return changed
        moved = self._panel.poll()
        if stamps_s := self._panel.stamps_s():
            self.came_s = min(self.came_s, *stamps_s) if changed else min(stamps_s)
        return moved or changed

    def close(self) -> None:
        """Give the sources and the panel back."""
        for source, edge in self._edges.items():
            edge.call(source.close, otherwise=None)
        if self._panel is not None:
            self._panel.close()

    def _receive(self, messages: list[MidiMessage]) -> bool:
        for message in messages:
            self._midi_map.receive(message, self._clock())
        return bool(messages)

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


def open_sources(config: Config, held: Sources | None = None) -> list[MidiIn]:
    """Open the MIDI sources of a configuration; with ``auto``, what is missing is left out.

    Args:
        config: Names them.
        held: Of all that plays the instrument; see HeldKeys.

    Raises:
        DeviceUnavailable: A source that was named is missing.
        BadConfig: A name cannot be understood.
    """
    sources: list[MidiIn] = []
    held = [] if held is None else held
    if config.midi != "none":
        try:
            sources.append(open_ports(config.midi, held))
        except DeviceUnavailable as error:
            if config.midi != "auto":
                raise
            _LOG.info("%s", error)
    if config.midi == "auto" and (keyboard := open_keyboard()) is not None:
        sources.append(TypedIn(keyboard, sources=held))
    if config.midi_serial:
        sources.append(DinIn(config.midi_serial, thru=config.midi_thru, sources=held))
    if config.midi_socket:
        sources.append(SocketIn(config.midi_socket, held))
    return sources
