"""What the player's hands and eyes meet: inputs, the surface, its faces, and the panel's outputs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from tombola_device.config import Config
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.disk.files import DiskFiles
from tombola_device.hal.panel.i2c import open_i2c
from tombola_device.hal.panel.memory import Eeprom, FileMemory, Memory
from tombola_device.hal.panel.open import open_panel
from tombola_device.hal.panel.pins import PinMap, load_pin_map
from tombola_device.hal.panel.port import Panel
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player
from tombola_device.surface.calibration import load_calibration, nominal_lines, save_calibration
from tombola_device.surface.calibrator import Calibrator
from tombola_device.surface.hands import PanelMap
from tombola_device.surface.inputs import Inputs, open_sources
from tombola_device.surface.oled.face import OledFace, open_chips
from tombola_device.surface.outputs import Sounding
from tombola_device.surface.panel import PanelIn, PanelOut
from tombola_device.surface.scene_page import ScenePage
from tombola_device.surface.scenes import SceneStore, shipped_scenes
from tombola_device.surface.settings import SettingsPage
from tombola_device.surface.surface import Face, House, Surface
from tombola_device.surface.view import View
from tombola_device.surface.volts import Voltmeter

REAL_PANELS: Final = ("auto", "gpio")
"""Settings of ``panel`` under which the board's chips are looked for."""
_LOG = logging.getLogger(__name__)


class Console:
    """One tick at a time: inputs move the player, faces are shown the view and asked, outputs follow.

    Args:
        player: The player.
        inputs: What moves the player.
        surface: Does what the faces ask for.
        faces: What the player looks at and touches.
        panel: The panel's readings; None without a panel.
        outputs: The panel's outputs; None without a panel.
    """

    def __init__(
        self,
        player: Player,
        inputs: Inputs,
        surface: Surface,
        faces: Sequence[Face] = (),
        panel: PanelIn | None = None,
        outputs: PanelOut | None = None,
    ) -> None:
        self.player, self.inputs, self.surface, self._faces = player, inputs, surface, list(faces)
        self._panel, self._outputs = panel, outputs

    @property
    def panel_name(self) -> str:
        """The panel's name; empty without a panel."""
        return self._panel.name if self._panel is not None else ""

    def answer(self, see: Callable[[float], View], now_s: float) -> bool:
        """Show the faces the view, and carry out the actions that they ask for; True if there were any.

        Args:
            see: Gives what the daemon sees; the surface completes it. Called only if there is a face.
            now_s: By ``time.monotonic``.
        """
        self.surface.tick(now_s)
        if not self._faces:
            return False
        view = self.surface.view(see(now_s), now_s)
        actions = [action for face in self._faces for action in face.poll(view, now_s)]
        for action in actions:
            self.surface.do(action, now_s)
        return bool(actions)

    def put_out(self, level_db: float, now_s: float, *, healthy: bool) -> None:
        """Let the outputs follow the player; ``level_db``: of the loudest voice."""
        if self._outputs is None:
            return
        player = self.player
        sounding = Sounding(
            level_db=level_db,
            note=player.first_note,
            blend=tuple(player.blend.tolist()),
            place=player.place,
            held=player.held > 0,
            pulses=player.clock.pulses,
        )
        self._outputs.poll(sounding, self.surface.outputs, now_s, healthy=healthy)

    def close(self) -> None:
        """Go dark, mute, and give everything back."""
        for face in self._faces:
            face.close()
        self.inputs.close()


def open_console(config: Config, player: Player, house: House, faces: Sequence[Face] = ()) -> Console:
    """Open what a configuration names: MIDI sources, the panel with its face, and further faces.

    Raises:
        DeviceUnavailable: An input that was named is missing.
        BadConfig: A name cannot be understood.
    """
    pins, sources, panel = load_pin_map(), open_sources(config), open_panel(config.panel)
    memory = _open_memory(config, pins, panel)
    calibration, damaged = load_calibration(memory)
    if damaged:
        _LOG.warning("%s", damaged)
    voltmeter = Voltmeter(nominal_lines(pins), calibration)
    calibrator = Calibrator(voltmeter, partial(save_calibration, memory))
    store = SceneStore(DiskFiles(), config.state_path / "scenes", shipped_scenes(config.factory_path))
    hands, midi_map = PanelMap(player), MidiMap(player)
    scenes, settings = ScenePage(player, hands, store), SettingsPage(player, midi_map, hands, store)
    surface = Surface(player, midi_map, scenes, settings, calibrator, house)
    if panel is None:
        return Console(player, Inputs(player, midi_map, sources), surface, faces)
    panel_in = PanelIn(panel, hands, voltmeter, calibrator)
    display, lights = open_chips(pins, real=config.panel in REAL_PANELS)
    return Console(
        player,
        Inputs(player, midi_map, sources, panel_in),
        surface,
        (OledFace(panel_in, pins.leds, display, lights), *faces),
        panel_in,
        PanelOut(panel_in, voltmeter, calibrator),
    )


def _open_memory(config: Config, pins: PinMap, panel: Panel | None) -> Memory:
    """Where the calibration is saved: the board's EEPROM, or a file on other computers."""
    if panel is not None and config.panel in REAL_PANELS:
        try:
            eeprom = Eeprom(open_i2c(pins.i2c.bus), pins.i2c.addresses["EEPROM"])
            eeprom.read()
        except DeviceUnavailable as error:
            _LOG.info("%s; the calibration is saved in a file", error)
        else:
            return eeprom
    return FileMemory(config.state_path / "calibration.bin")
