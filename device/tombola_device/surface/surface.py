"""The front panel at work: buttons and encoder move the menu, the menu acts, display, LEDs and outputs show how it is.

Inputs.state ─► Buttons ─► Menu ─► actions ─► Player, SceneStore, Wizard, House
audio status, Player ─► View ─► pages ─► Display;  View ─► LEDs;  Sounding ─► CV and gate outputs, mute
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from tombola_device import __version__
from tombola_device.contract.errors import DeviceUnavailable, StoreError
from tombola_device.hal.panel.display import Display
from tombola_device.hal.panel.memory import Memory
from tombola_device.hal.panel.pins import PinMap
from tombola_device.hal.panel.port import Panel, PanelState
from tombola_device.play.player import Player
from tombola_device.surface.buttons import Buttons
from tombola_device.surface.calibration import Calibration, Line, Voltmeter, save_calibration
from tombola_device.surface.hands import LOUDNESS_KNOB_DB
from tombola_device.surface.inputs import Inputs
from tombola_device.surface.oled.leds import levels
from tombola_device.surface.oled.menu import (
    CALIBRATE_ROWS,
    Action,
    Choose,
    Do,
    Menu,
    MorphBy,
    Page,
    RecallScene,
    SaveScene,
)
from tombola_device.surface.oled.pages import boot_picture, draw
from tombola_device.surface.outputs import GateOut, Sounding, volts
from tombola_device.surface.scenes import PLACES, SceneStore, capture, recall
from tombola_device.surface.settings import SettingsPage
from tombola_device.surface.view import View
from tombola_device.surface.wizard import OutputWizard, Step, Wizard

DRAW_S: Final = 0.05
"""Twenty pictures a second: a full one takes 25 ms of the bus."""
OUTPUT_S: Final = 0.005
MESSAGE_S: Final = 3.0
CALIBRATED: Final = ("V_OCT", "CV_A", "CV_B")
"""By the pin map's names, in the order of CALIBRATE_ROWS."""
PITCH: Final = CALIBRATED[0]
_LOG = logging.getLogger(__name__)


class House(Protocol):
    """What the menu asks of the daemon."""

    def revert(self) -> str:
        """Go back to the bundle before; what to tell the player."""

    def allow_unsigned(self) -> str:
        """Let the next bundle be unsigned; what to tell the player."""

    def enrol(self) -> str:
        """Open the window for an owner's key; what to tell the player."""


class Lights(Protocol):
    """The driver of the LEDs."""

    def show(self, channels: list[float], /) -> None:
        """Light of each channel, 0 … 1."""


class Front:
    """The panel's other half: all that is not played.

    Args:
        player: Who plays.
        inputs: Where the panel is read.
        scenes: Where scenes and settings are kept.
        memory: Where the calibration is kept.
        pins: The board.
        house: Who can be asked for the rest.
        display: The display, if any.
        lights: The LEDs, if any.
    """

    def __init__(
        self,
        player: Player,
        inputs: Inputs,
        scenes: SceneStore,
        memory: Memory,
        pins: PinMap,
        house: House,
        display: Display | None = None,
        lights: Lights | None = None,
    ) -> None:
        self._player, self._inputs, self._scenes, self._memory = player, inputs, scenes, memory
        self._pins, self._house, self._display, self._lights = pins, house, display, lights
        self._buttons, self.menu, self._gate = Buttons(), Menu(), GateOut()
        self._wizard, self._calibrated = self._wizard_of(0), PITCH
        self._view = View()
        self._names = [self._scene_words(place) for place in range(PLACES)]
        self._message, self._message_s = "", 0.0
        self._draw_s = self._output_s = 0.0
        self._gate_high: bool | None = None
        if display is not None:
            display.show(boot_picture(__version__))
        self._settings = SettingsPage(player, inputs.midi_map, inputs.map, scenes)
        self._unsaid = self._settings.damaged
        if self._unsaid:
            _LOG.warning("%s", self._unsaid)

    def poll(self, view: View, sounding: Sounding, now_s: float) -> bool:
        """Act on what the panel said, show how it is; True if the player was moved.

        Args:
            view: As the daemon sees it; what only the front knows is filled in here.
            sounding: What outputs follow.
            now_s: By ``time.monotonic``.
        """
        if self._unsaid:
            self.tell(self._unsaid, now_s)
            self._unsaid = ""
        self._learn(now_s)
        self._view = self._completed(view, now_s)
        actions = self._act_on(self._inputs.state, now_s)
        for action in actions:
            self._do(action, now_s)
        self.menu.tick(self._view, now_s)
        if now_s - self._output_s >= OUTPUT_S:
            self._output_s = now_s
            self._put_out(sounding, now_s)
        if now_s - self._draw_s >= DRAW_S:
            self._draw_s = now_s
            self._show(now_s)
        return bool(actions)

    def tell(self, message: str, now_s: float) -> None:
        """Let the player read something for a moment; empty: nothing."""
        if message:
            self._message, self._message_s = message, now_s

    def close(self) -> None:
        """Go dark."""
        if self._display is not None:
            self._display.close()
        if self._lights is not None:
            self._light([0.0] * 16)

    # In

    def _act_on(self, state: PanelState | None, now_s: float) -> list[Action]:
        if state is None:
            return []
        if self._wizard.step is not Step.IDLE:
            self._wizard.read(state.voltages.get(PITCH, 0.0), now_s)
            self._tell_end(now_s)
        actions: list[Action] = []
        if state.turns:
            actions += self.menu.turn(state.turns, self._view, now_s, shift=self._buttons.shift)
        pushes = [push for edge in state.edges for push in self._buttons.edge(edge)]
        for push in (*pushes, *self._buttons.tick(now_s)):
            actions += self.menu.push(push, self._view, now_s)
        return actions

    def _do(self, action: Action, now_s: float) -> None:
        try:
            if isinstance(action, MorphBy):
                self._player.morph(self._player.hand_place + action.amount)
            elif isinstance(action, SaveScene):
                self._save(action.place, now_s)
            elif isinstance(action, RecallScene):
                self._recall(action.place, now_s)
            elif isinstance(action, Choose):
                option = self._view.options[action.option]
                self.tell(self._settings.choose(option, action.choice), now_s)
            else:
                self._do_one(action, now_s)
        except StoreError as error:
            _LOG.warning("%s", error)
            self.tell(str(error), now_s)

    def _do_one(self, action: Do, now_s: float) -> None:
        if action is Do.SILENCE:
            self._player.panic()
        elif action is Do.CALIBRATE:
            if self._wizard.step is Step.IDLE:
                self._calibrate(self.menu.row, now_s)
            else:
                self._wizard.push(now_s)
                self._tell_end(now_s)
        elif action is Do.CANCEL:
            self._wizard.cancel()
            self._tell_end(now_s)
        elif action is Do.STOP_LEARNING:
            self._inputs.midi_map.learn("")
        else:
            asked: dict[Do, Callable[[], str]] = {
                Do.REVERT: self._house.revert,
                Do.ALLOW_UNSIGNED: self._house.allow_unsigned,
                Do.ENROL: self._house.enrol,
            }
            self.tell(asked[action](), now_s)

    def _learn(self, now_s: float) -> None:
        """Say what a controller was taught; whoever leaves the page wants to teach no more."""
        if self.menu.page is not Page.SETTINGS:
            self._inputs.midi_map.learn("")
        try:
            self.tell(self._settings.learnt(), now_s)
        except StoreError as error:
            _LOG.warning("%s", error)
            self.tell(str(error), now_s)

    # Scenes

    def _save(self, place: int, now_s: float) -> None:
        self._scenes.save_scene(place, capture(self._player, list(self._view.modes)))
        self._names[place] = self._scene_words(place)
        self.tell(f"scene {place + 1} kept", now_s)

    def _recall(self, place: int, now_s: float) -> None:
        scene = self._scenes.scene(place)
        if scene is None:
            self.tell(f"scene {place + 1} is damaged; save it again", now_s)
            return
        recall(scene, self._player, list(self._view.modes))
        weights = self._player.hand_blend
        stands = {knob: float(weights[knob]) for knob in range(min(len(weights), 5))}
        loudness = max(scene.loudness_db / LOUDNESS_KNOB_DB + 1.0, 0.0)
        self._inputs.map.pick_up({**stands, 5: scene.timbre[0], 6: scene.timbre[1], 7: loudness})

    def _scene_words(self, place: int) -> str:
        """The modes of a scene, the strongest first."""
        scene = self._scenes.scene(place)
        if scene is None:
            return ""
        return "+".join(sorted(scene.blend, key=lambda name: -scene.blend[name])) or "·"

    # Calibration

    def _calibrate(self, row: int, now_s: float) -> None:
        """Begin with what is chosen; outputs are measured by the pitch input, which must be right first."""
        if row and PITCH not in self._inputs.voltmeter.calibration.lines:
            self.tell(f"calibrate {CALIBRATE_ROWS[0]} first: it measures the outputs", now_s)
            return
        self._calibrated = CALIBRATED[row]
        self._wizard = self._wizard_of(row)
        self._wizard.begin(now_s)

    def _wizard_of(self, row: int) -> Wizard:
        nominal = Voltmeter(self._pins, Calibration()).line(CALIBRATED[row])
        if not row:
            return Wizard(nominal, self._keep)
        return OutputWizard(CALIBRATE_ROWS[row], nominal, self._inputs.voltmeter.line(PITCH), self._keep)

    def _tell_end(self, now_s: float) -> None:
        if self._wizard.step is Step.IDLE:
            self.tell(self._wizard.text, now_s)

    def _keep(self, line: Line) -> None:
        """The wizard's line, as the player wants it."""
        calibration = Calibration({**self._inputs.voltmeter.calibration.lines, self._calibrated: line})
        try:
            save_calibration(self._memory, calibration)
        except DeviceUnavailable as error:
            raise StoreError(str(error)) from error
        self._inputs.voltmeter = Voltmeter(self._pins, calibration)

    # Out

    def _completed(self, view: View, now_s: float) -> View:
        state = self._inputs.state
        share = state.voltages.get(PITCH, 0.0) if state is not None else 0.0
        pitch = self._inputs.voltmeter.of(PITCH, share) if state is not None else self._view.pitch_volts
        return replace(
            view,
            scenes=tuple(self._names),
            calibration=self._wizard.text if self._wizard.step is not Step.IDLE else "",
            pitch_volts=pitch,
            options=self._settings.options(),
            learning=self._inputs.midi_map.learning,
            message=self._message if now_s - self._message_s < MESSAGE_S else "",
        )

    def _put_out(self, sounding: Sounding, now_s: float) -> None:
        panel = self._inputs.panel
        if panel is None:
            return
        assigned, meter = self._settings.settings.outputs, self._inputs.voltmeter
        high = self._gate.level(assigned.gate, sounding, now_s)
        if high != self._gate_high:
            self._gate_high = high
            panel.set_gate(high=high)
        sources = {"CV_A": assigned.cv_a, "CV_B": assigned.cv_b}
        shares = {name: meter.share(name, volts(source, sounding)) for name, source in sources.items()}
        if self._wizard.drive is not None:
            shares[self._calibrated] = self._wizard.drive
        try:
            panel.set_voltages(shares)
        except DeviceUnavailable as error:
            _LOG.debug("%s", error)

    def _show(self, now_s: float) -> None:
        if self._display is not None:
            self._display.show(draw(self._view, self.menu))
        if self._lights is not None:
            channels = [0.0] * 16
            for led, (red, green) in zip(self._pins.leds, levels(self._view, now_s), strict=True):
                channels[led.red], channels[led.green] = red, green
            self._light(channels)

    def _light(self, channels: list[float]) -> None:
        assert self._lights is not None
        try:
            self._lights.show(channels)
        except DeviceUnavailable as error:
            _LOG.info("%s", error)
            self._lights = None


def open_front_chips(panel: Panel | None, pins: PinMap, *, real: bool) -> tuple[Display | None, Lights | None]:
    """The display and the LEDs of a real panel; what does not answer is left out."""
    from tombola_device.hal.panel.display import open_display
    from tombola_device.hal.panel.i2c import open_i2c
    from tombola_device.hal.panel.leds import Leds

    if panel is None or not real:
        return None, None
    display: Display | None = None
    lights: Lights | None = None
    try:
        display = open_display(pins.i2c.bus, pins.i2c.addresses["OLED"])
    except DeviceUnavailable as error:
        _LOG.warning("%s", error)
    try:
        lights = Leds(open_i2c(pins.i2c.bus), pins.i2c.addresses["LEDS"])
    except DeviceUnavailable as error:
        _LOG.warning("%s", error)
    return display, lights
