"""All that moves the player: MIDI sources, the panel, a performance from a file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from tombola_device.config import Config
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.midi.din import DinIn
from tombola_device.hal.midi.port import MidiIn
from tombola_device.hal.midi.ports import open_ports
from tombola_device.hal.midi.socket import SocketIn
from tombola_device.hal.panel.i2c import open_i2c
from tombola_device.hal.panel.memory import Eeprom, FileMemory, Memory
from tombola_device.hal.panel.open import open_panel
from tombola_device.hal.panel.pins import PinMap, load_pin_map
from tombola_device.hal.panel.port import Panel, PanelState
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.offline import BlendAutomation
from tombola_device.play.player import Player
from tombola_device.surface.calibration import Calibration, Voltmeter, load_calibration
from tombola_device.surface.hands import PanelMap

PANEL_S = 0.001
"""Gates and pitch are read a thousand times a second, other voltages 600 times, knobs 125 times."""
OLDEST_EDGE_S = 1.0
"""An edge is read within milliseconds; one that seems older was stamped by another clock."""
_LOG = logging.getLogger(__name__)


class Inputs:
    """Moves one player.

    Args:
        player: Who is played.
        sources: Where MIDI comes from.
        panel: Knobs and CV, if any.
        voltmeter: Makes volts of what the panel reads; nominal ones by default.
        clock: Seconds.
    """

    def __init__(
        self,
        player: Player,
        sources: Sequence[MidiIn],
        panel: Panel | None = None,
        voltmeter: Voltmeter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._player, self._sources, self._panel, self._clock = player, list(sources), panel, clock
        self.map = PanelMap(player)
        self.midi_map = MidiMap(player)
        self.voltmeter = voltmeter if voltmeter is not None else Voltmeter(load_pin_map(), Calibration())
        self.state: PanelState | None = None
        """What the panel said in the last ``poll``; none if it was not read then."""
        self.came_s = self._polled_s = clock()
        """When what the last ``poll`` passed on came in, or the earliest that it can have: the poll before."""
        self._panel_s = -PANEL_S
        self._performance: MidiIn | None = None
        self._automation: BlendAutomation | None = None
        self._start_s = 0.0

    @property
    def names(self) -> list[str]:
        """What is listened to."""
        return [source.name for source in self._sources]

    @property
    def panel(self) -> Panel | None:
        """The panel, for what goes out there."""
        return self._panel

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
        self.came_s, self._polled_s = self._polled_s, self._clock()
        for source in [*self._sources, *([self._performance] if self._performance is not None else [])]:
            for message in source.poll():
                self.midi_map.receive(message, self._clock())
                changed = True
        if self._performance is not None and self._performance.done:
            self._performance = None
        changed |= self._move_blend()
        moved = self._read_panel()
        if stamps_s := self._edge_stamps_s():
            self.came_s = min(self.came_s, *stamps_s) if changed else min(stamps_s)
        return moved or changed

    def close(self) -> None:
        """Give all sources back."""
        for source in self._sources:
            source.close()
        if self._panel is not None:
            self._panel.close()

    def _edge_stamps_s(self) -> list[float]:
        """When the panel's new edges were; not those by a clock that is not ours, as kernels before 5.7 give them."""
        edges, now_s = self.state.edges if self.state is not None else (), self._clock()
        return [edge.time_s for edge in edges if 0 <= now_s - edge.time_s < OLDEST_EDGE_S]

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
        self.state = None
        if self._panel is None or now_s - self._panel_s < PANEL_S:
            return False
        self._panel_s = now_s
        try:
            self.state = self._panel.read()
        except DeviceUnavailable as error:
            _LOG.warning("%s", error)
            self._panel.close()
            self._panel = None
            return False
        volts = {name: self.voltmeter.of(name, share) for name, share in self.state.voltages.items()}
        return self.map.apply(self.state, volts)


def open_inputs(config: Config, player: Player) -> Inputs:
    """Open what the configuration names; with ``auto``, what is not there is left out.

    Raises:
        DeviceUnavailable: An input that was named is not there.
        BadConfig: A name cannot be understood.
    """
    sources: list[MidiIn] = []
    if config.midi != "none":
        try:
            sources.append(open_ports(config.midi))
        except DeviceUnavailable as error:
            if config.midi != "auto":
                raise
            _LOG.info("%s", error)
    if config.midi_serial:
        sources.append(DinIn(config.midi_serial, thru=config.midi_thru))
    if config.midi_socket:
        sources.append(SocketIn(config.midi_socket))
    pins, panel = load_pin_map(), open_panel(config.panel)
    calibration, said = load_calibration(open_memory(config, pins, panel))
    if said:
        _LOG.warning("%s", said)
    return Inputs(player, sources, panel, Voltmeter(pins, calibration))


def open_memory(config: Config, pins: PinMap, panel: Panel | None) -> Memory:
    """Where the calibration is kept: the board's EEPROM, or a file where there is none."""
    if panel is not None and config.panel in ("auto", "gpio"):
        try:
            eeprom = Eeprom(open_i2c(pins.i2c.bus), pins.i2c.addresses["EEPROM"])
            eeprom.read()
        except DeviceUnavailable as error:
            _LOG.info("%s; the calibration is kept in a file", error)
        else:
            return eeprom
    return FileMemory(config.state_path / "calibration.bin")
