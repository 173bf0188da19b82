"""Eight knobs and four CV inputs, and what they do to the player."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.engine.player import Player

KNOBS, CVS = 8, 4
KNOB_HYSTERESIS = 1 / 512
"""A pot's noise on a 12-bit converter is a few counts of 4096: eight, and half a MIDI step."""
CV_STEP = 1 / 4096
"""CV gets no hysteresis: one count."""
CV_DEADBAND = 0.02
"""An unpatched input is near 0 and must not touch the blend. CV is centred on half the converter's range."""
LOUDNESS_KNOB_DB = 40.0
"""The loudness knob: full is 0 dB, zero is this much quieter."""


@dataclass(frozen=True, slots=True)
class PanelState:
    """Positions as read: knobs 0 … 1, CV -1 … 1 with 0 for an unpatched input."""

    knobs: tuple[float, ...]
    cvs: tuple[float, ...]


class Panel(Protocol):
    """Knobs and CV."""

    name: str

    def read(self) -> PanelState:
        """All positions now, in about a millisecond.

        Raises:
            DeviceUnavailable: The converters do not answer.
        """

    def close(self) -> None:
        """Give the pins back. May be called twice."""


class FakePanel:
    """A panel that a test turns by hand: ``turn`` and ``patch``."""

    name = "a fake"

    def __init__(self) -> None:
        self._knobs, self._cvs = [0.0] * KNOBS, [0.0] * CVS

    def turn(self, knob: int, position: float) -> None:
        """Knob 0 … 7 to 0 … 1."""
        self._knobs[knob] = position

    def patch(self, cv: int, level: float) -> None:
        """A level of -1 … 1 into input 0 … 3."""
        self._cvs[cv] = level

    def read(self) -> PanelState:
        """See Panel."""
        return PanelState(tuple(self._knobs), tuple(self._cvs))

    def close(self) -> None:
        """See Panel."""


class PanelMap:
    """What the panel does: it acts on the player when something is moved, so that MIDI and knobs can take turns.

        knobs 1 … 5        weights of the modes 1 … 5, as far as there are so many
        knobs 6, 7, 8      timbre X, timbre Y, loudness
        CV 1 … 4           added to the weights of modes 1 … 4

    Args:
        player: Who is played.
    """

    def __init__(self, player: Player) -> None:
        self._player = player
        self._knobs = [-1.0] * KNOBS
        self._weights = [-1.0] * KNOBS

    def apply(self, state: PanelState) -> bool:
        """Pass on what has moved since the last call, and say whether; the first call passes on everything."""
        moved = False
        modes = min(self._player.modes, KNOBS - 3)
        for knob, position in enumerate(state.knobs):
            end = position in (0.0, 1.0) and position != self._knobs[knob]
            if abs(position - self._knobs[knob]) > KNOB_HYSTERESIS or end:
                self._knobs[knob] = position
                moved = True
                if knob >= KNOBS - 3:
                    self._turn(knob - (KNOBS - 3), position)
        for mode in range(modes):
            cv = state.cvs[mode] if mode < len(state.cvs) and abs(state.cvs[mode]) > CV_DEADBAND else 0.0
            weight = min(max(self._knobs[mode] + cv, 0.0), 1.0)
            if abs(weight - self._weights[mode]) > CV_STEP:
                self._weights[mode] = weight
                self._player.set_weight(mode, weight)
                moved = True
        return moved

    def _turn(self, which: int, position: float) -> None:
        if which < 2:
            self._player.set_timbre(which, position)
        else:
            self._player.set_loudness((position - 1.0) * LOUDNESS_KNOB_DB if position > 0 else -2 * 80.0)


def open_panel(name: str) -> Panel | None:
    """Open the panel by its name in the configuration.

    Args:
        name: ``auto`` (the pins on a Raspberry Pi with gpiozero, else none), ``gpio``, ``mock`` or ``none``.

    Raises:
        DeviceUnavailable: The pins are not there.
        BadConfig: The name is unknown.
    """
    if name not in ("auto", "gpio", "mock", "none"):
        raise BadConfig(f"the panel {name!r} is unknown; give auto, gpio, mock or none")
    if name == "none" or (name == "auto" and not on_a_pi()):
        return None
    try:
        from tombola_device.hal.gpio import GpioPanel, mock_panel

        return mock_panel()[0] if name == "mock" else GpioPanel()
    except DeviceUnavailable:
        if name == "auto":
            return None
        raise


def on_a_pi(model: Path = Path("/proc/device-tree/model")) -> bool:
    """Whether this computer says that it is a Raspberry Pi."""
    try:
        return "Raspberry Pi" in model.read_text(errors="replace")
    except OSError:
        return False
