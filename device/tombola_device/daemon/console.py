"""What the player's hands and eyes meet: inputs, the surface, its faces, and the panel's outputs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from tombola_device.config import Config
from tombola_device.contract.errors import DeviceUnavailable, TombolaError
from tombola_device.disk.errands import Errands
from tombola_device.disk.files import DiskFiles
from tombola_device.hal.edge import Edge
from tombola_device.hal.midi.held import Sources
from tombola_device.hal.midi.port import MidiIn
from tombola_device.hal.panel.display import Display
from tombola_device.hal.panel.i2c import open_i2c
from tombola_device.hal.panel.memory import Eeprom, FileMemory, Memory
from tombola_device.hal.panel.open import open_panel
from tombola_device.hal.panel.pins import PinMap, load_pin_map
from tombola_device.hal.panel.port import Panel
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player
from tombola_device.surface.actions import Action
from tombola_device.surface.again import Again
from tombola_device.surface.archive import Archive, finish_restore
from tombola_device.surface.calibration import load_calibration, nominal_lines, save_calibration
from tombola_device.surface.calibrator import Calibrator
from tombola_device.surface.face import Face
from tombola_device.surface.habits import Habits
from tombola_device.surface.hands import PanelMap
from tombola_device.surface.house import House
from tombola_device.surface.inputs import Inputs, open_sources
from tombola_device.surface.oled.face import Lights, OledFace, open_chips
from tombola_device.surface.panel import PanelIn, PanelOut
from tombola_device.surface.scene_page import ScenePage
from tombola_device.surface.scenes import SceneStore, shipped_scenes
from tombola_device.surface.settings import SettingsPage
from tombola_device.surface.surface import Surface
from tombola_device.surface.view import View
from tombola_device.surface.volts import Voltmeter

SHOWN_S: Final = 0.05
"""Time between two views: that between two pictures of the display."""
REAL_PANELS: Final = ("auto", "gpio")
EEPROM_TRIES: Final = 3
EEPROM_PAUSE_S: Final = 0.05
"""Settings of ``panel`` under which the board's chips are looked for."""
USB_NOTICES: Final = {True: "a computer is plugged in", False: "the computer was unplugged"}
_LOG = logging.getLogger(__name__)


class Console:
    """One tick at a time: inputs move the player, faces are shown the view and asked, outputs follow.

    Args:
        player: The player.
        inputs: What moves the player.
        surface: Does what the faces ask for.
        errands: Whose notices are shown.
        faces: What the player looks at and touches.
        panel: The panel's readings; None without a panel.
        outputs: The panel's outputs; None without a panel.
    """

    def __init__(
        self,
        player: Player,
        inputs: Inputs,
        surface: Surface,
        errands: Errands,
        faces: Sequence[Face] = (),
        panel: PanelIn | None = None,
        outputs: PanelOut | None = None,
    ) -> None:
        self.player, self.inputs, self.surface, self.faces = player, inputs, surface, tuple(faces)
        self._errands, self._panel, self._outputs = errands, panel, outputs
        self._shown_s = -SHOWN_S
        self._usb: bool | None = None
        self._edges = [Edge(f"the face {type(face).__name__}") for face in self.faces]

    @property
    def panel_name(self) -> str:
        """The panel's name, and why its converters do not answer if they do not; empty without a panel."""
        if self._panel is None:
            return ""
        return f"{self._panel.name} ({self._panel.fault})" if self._panel.fault else self._panel.name

    def answer(self, see: Callable[[float], View], now_s: float) -> bool:
        """Show the faces the view, and carry out the actions that they ask for; True if there were any.

        The surface works every SHOWN_S, and at once if a face is touched: a view costs more than all else
        that a tick does.

        Args:
            see: Gives what the daemon sees; the surface completes it. Called only if there is a face.
            now_s: By ``time.monotonic``.
        """
        for notice in self._errands.collect():
            self.surface.tell(notice, now_s)
        if now_s - self._shown_s < SHOWN_S and not any(face.touched for face in self.faces):
            return False
        self._shown_s = now_s
        self._look_at_usb(now_s)
        self.surface.tick(now_s)
        if not self.faces:
            return False
        view = self.surface.view(see(now_s), now_s)
        if self._panel is not None and self._panel.fault and not view.notice:
            view = replace(view, notice=self._panel.fault)
        actions: list[Action] = []
        for face, edge in zip(self.faces, self._edges, strict=True):
            actions += edge.call(partial(face.poll, view, now_s), otherwise=[])
        for action in actions:
            self.surface.do(action, now_s)
        return bool(actions)

    def _look_at_usb(self, now_s: float) -> None:
        """Tell the player when a computer's 5 V come or go: nothing else says that a cable carries them."""
        usb = self._panel.usb if self._panel is not None else None
        if usb is not None and self._usb is not None and usb != self._usb:
            self.surface.tell(USB_NOTICES[usb], now_s)
        self._usb = usb

    def put_out(self, level_db: float, now_s: float, *, healthy: bool) -> None:
        """Let the outputs follow the player; ``level_db``: of the loudest voice."""
        if self._outputs is None:
            return
        look = partial(self.surface.sounding, level_db)
        self._outputs.poll(look, self.surface.outputs, now_s, healthy=healthy)

    def close(self) -> None:
        """Go dark, mute, and give everything back."""
        for face, edge in zip(self.faces, self._edges, strict=True):
            edge.call(face.close, otherwise=None)
        self.inputs.close()


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a console is built on.

    Args:
        memory: Where the calibration is saved.
        sources: MIDI sources.
        panel: The panel; it has a face. None: there is none.
        display: The display of the panel's face.
        lights: The LEDs of the panel's face.
        clock: Seconds.
    """

    memory: Memory
    sources: Sequence[MidiIn] = ()
    panel: Panel | None = None
    display: Display | None = None
    lights: Lights | None = None
    clock: Callable[[], float] = time.monotonic


def open_console(
    config: Config,
    player: Player,
    house: House,
    errands: Errands,
    faces: Sequence[Face] = (),
    sources: Sequence[MidiIn] = (),
    held: Sources | None = None,
) -> Console:
    """Open what a configuration names: MIDI sources, the panel with its face; and further faces and sources.

    ``held``: of the further sources; see HeldKeys.

    Raises:
        DeviceUnavailable: An input that was named is missing.
        BadConfig: A name cannot be understood.
    """
    pins, opened, panel = load_pin_map(), open_sources(config, held), open_panel(config.panel)
    display, lights = open_chips(pins, real=panel is not None and config.panel in REAL_PANELS)
    hardware = Hardware(_open_memory(config, pins, panel), (*opened, *sources), panel, display, lights)
    store = SceneStore(DiskFiles(), config.state_path / "scenes", shipped_scenes(config.factory_path))
    return build_console(hardware, store, player, house, errands, faces)


def build_console(
    hardware: Hardware, store: SceneStore, player: Player, house: House, errands: Errands, faces: Sequence[Face] = ()
) -> Console:
    """Put a console together; ``store`` keeps scenes and settings."""
    pins, panel, clock, save = (
        load_pin_map(),
        hardware.panel,
        hardware.clock,
        partial(save_calibration, hardware.memory),
    )
    try:
        finish_restore(store, save)
    except TombolaError as error:
        _LOG.warning("%s", error)
    calibration, damaged = load_calibration(hardware.memory)
    if damaged:
        _LOG.warning("%s", damaged)
    voltmeter = Voltmeter(nominal_lines(pins), calibration)
    load = partial(load_calibration, hardware.memory)
    again = Again("measured lines", load, voltmeter.calibrate, errands, damaged)
    calibrator = Calibrator(voltmeter, save, errands, again)
    hands, midi_map = PanelMap(player), MidiMap(player)
    scenes, settings = ScenePage(player, hands, store, errands), SettingsPage(player, midi_map, hands, store, errands)
    archive = Archive(store, scenes, settings, voltmeter, save, errands)
    jacks = hands if panel is None else None
    habits = Habits(player, store.files, store.folder, errands)
    surface = Surface(player, scenes, settings, calibrator, house, archive, habits, jacks)
    if panel is None:
        return Console(player, Inputs(player, midi_map, hardware.sources, clock=clock), surface, errands, faces)
    panel_in = PanelIn(panel, hands, voltmeter, calibrator, clock)
    return Console(
        player,
        Inputs(player, midi_map, hardware.sources, panel_in, clock),
        surface,
        errands,
        (OledFace(panel_in, pins.leds, hardware.display, hardware.lights), *faces),
        panel_in,
        PanelOut(panel, voltmeter, calibrator),
    )


def _open_memory(config: Config, pins: PinMap, panel: Panel | None) -> Memory:
    """Where the calibration is saved: the board's EEPROM, or a file on other computers."""
    if panel is not None and config.panel in REAL_PANELS:
        fault = ""
        for _ in range(EEPROM_TRIES):
            try:
                eeprom = Eeprom(open_i2c(pins.i2c.bus), pins.i2c.addresses["EEPROM"])
                eeprom.read()
            except DeviceUnavailable as error:
                fault = str(error)
                time.sleep(EEPROM_PAUSE_S)
            else:
                return eeprom
        _LOG.info("%s; the calibration is saved in a file", fault)
    return FileMemory(config.state_path / "calibration.bin")
