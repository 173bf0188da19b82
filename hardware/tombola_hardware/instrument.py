"""What the player touches and patches: the one file to change for another jack, knob or lamp.

The sheets, the SPICE decks, the bill of materials, the panel, the control board and the firmware's pin map follow from these
tables. Positions are those of the centre on the panel's front, in mm from its top left corner, y down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HP: Final = 20
"""Width of the panel; 1 HP is 5.08 mm. Source: Doepfer, A-100 construction details."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Anything on the panel.

    Args:
        name: Its name in the firmware and of its nets.
        legend: What the panel says.
        x_mm: From the left edge.
        y_mm: From the upper edge.
    """

    name: str
    legend: str
    x_mm: float
    y_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CvInput(Control):
    """A jack for a control voltage.

    Args:
        channel: Of the converter for voltages, 0 to 7.
        low_volts: Lowest voltage that it must follow …
        high_volts: … and highest; the circuit leaves 5 % of its converter's range free at either end.
        pitch: Whether it is 1 V/oct, which takes resistors that drift less.
    """

    channel: int
    low_volts: float = -5.0
    high_volts: float = 10.0
    pitch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInput(Control):
    """A jack for gates, triggers or clock."""

    gpio: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOutput(Control):
    """A jack that gives 0 or 5 V."""

    gpio: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CvOutput(Control):
    """A jack that gives a control voltage from a channel of the DAC."""

    channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioOutput(Control):
    """A jack for one side of the sound: ``L`` or ``R``."""

    side: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiJack(Control):
    """A 3.5 mm TRS jack, type A: ``in`` or ``out``."""

    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob(Control):
    """A potentiometer on a channel of the converter for knobs, 0 to 7."""

    channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Button(Control):
    """A push-button that pulls its GPIO low."""

    gpio: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder(Control):
    """A rotary encoder with a push-button in its shaft."""

    gpio_a: int
    gpio_b: int
    gpio_switch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp(Control):
    """A light-emitting diode of two colours, on two channels of the LED driver."""

    red: int
    green: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Display(Control):
    """The window of a 128 × 64 OLED module of 1.3 inch on four pins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbPort(Control):
    """The USB-C opening over which bundles are flashed."""


CV_INPUTS: Final = (
    CvInput(name="V_OCT", legend="V/OCT", x_mm=10.2, y_mm=86.0, channel=0, low_volts=-3.0, high_volts=6.5, pitch=True),
    CvInput(name="CV_X", legend="X", x_mm=26.3, y_mm=86.0, channel=1),
    CvInput(name="CV_Y", legend="Y", x_mm=42.5, y_mm=86.0, channel=2),
    CvInput(name="CV_1", legend="1", x_mm=58.8, y_mm=86.0, channel=3),
    CvInput(name="CV_2", legend="2", x_mm=75.0, y_mm=86.0, channel=4),
    CvInput(name="CV_3", legend="3", x_mm=91.1, y_mm=86.0, channel=5),
)
GATE_INPUTS: Final = (
    GateInput(name="GATE_IN", legend="GATE", x_mm=10.2, y_mm=100.8, gpio=5),
    GateInput(name="TRIG_IN", legend="TRIG", x_mm=26.3, y_mm=100.8, gpio=6),
    GateInput(name="CLOCK_IN", legend="CLOCK", x_mm=42.5, y_mm=100.8, gpio=12),
)
MIDI_JACKS: Final = (
    MidiJack(name="MIDI_IN", legend="MIDI IN", x_mm=58.8, y_mm=100.8, direction="in"),
    MidiJack(name="MIDI_OUT", legend="MIDI OUT", x_mm=75.0, y_mm=100.8, direction="out"),
)
CV_OUTPUTS: Final = (
    CvOutput(name="CV_A", legend="A", x_mm=26.3, y_mm=115.6, channel=0),
    CvOutput(name="CV_B", legend="B", x_mm=42.5, y_mm=115.6, channel=1),
)
GATE_OUTPUTS: Final = (GateOutput(name="GATE_OUT", legend="GATE", x_mm=10.2, y_mm=115.6, gpio=16),)
AUDIO_OUTPUTS: Final = (
    AudioOutput(name="AUDIO_L", legend="LEFT", x_mm=75.0, y_mm=115.6, side="L"),
    AudioOutput(name="AUDIO_R", legend="RIGHT", x_mm=91.1, y_mm=115.6, side="R"),
)
KNOBS: Final = (
    Knob(name="KNOB_1", legend="1", x_mm=50.65, y_mm=30.0, channel=0),
    Knob(name="KNOB_2", legend="2", x_mm=70.0, y_mm=44.0, channel=1),
    Knob(name="KNOB_3", legend="3", x_mm=62.0, y_mm=66.0, channel=2),
    Knob(name="KNOB_4", legend="4", x_mm=39.0, y_mm=66.0, channel=3),
    Knob(name="KNOB_5", legend="5", x_mm=31.0, y_mm=44.0, channel=4),
    Knob(name="KNOB_6", legend="X", x_mm=12.0, y_mm=50.0, channel=5),
    Knob(name="KNOB_7", legend="Y", x_mm=12.0, y_mm=70.0, channel=6),
    Knob(name="KNOB_8", legend="LEVEL", x_mm=89.3, y_mm=70.0, channel=7),
)
ENCODER: Final = Encoder(name="ENC", legend="MENU", x_mm=89.3, y_mm=44.0, gpio_a=22, gpio_b=23, gpio_switch=17)
BUTTONS: Final = (
    Button(name="SHIFT", legend="SHIFT", x_mm=80.0, y_mm=58.0, gpio=24),
    Button(name="SAVE", legend="SAVE", x_mm=93.0, y_mm=58.0, gpio=25),
)
LAMPS: Final = tuple(
    Lamp(name=f"LAMP_{index + 1}", legend=str(index + 1), x_mm=30.0 + 6.0 * index, y_mm=78.0, red=2 * index, green=2 * index + 1)
    for index in range(8)
)
DISPLAY: Final = Display(name="OLED", legend="", x_mm=20.0, y_mm=24.0)
USB_PORT: Final = UsbPort(name="USB", legend="USB", x_mm=91.1, y_mm=100.8)

PANEL: Final[tuple[Control, ...]] = (
    *CV_INPUTS, *GATE_INPUTS, *MIDI_JACKS, *CV_OUTPUTS, *GATE_OUTPUTS, *AUDIO_OUTPUTS,
    *KNOBS, ENCODER, *BUTTONS, *LAMPS, DISPLAY, USB_PORT,
)  # fmt: skip
"""All that is on the panel."""
