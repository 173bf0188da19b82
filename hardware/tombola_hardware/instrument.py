"""What the player touches and patches: the one file to change for another jack, knob or lamp.

The sheets, the SPICE decks, the bill of materials, the panel, the control board and the firmware's pin map follow
from these tables. Positions are those of the centre on the panel's front, in mm from its top left corner, y down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HP: Final = 20
"""Width of the panel; 1 HP is 5.08 mm. Source: Doepfer, A-100 construction details."""
DRUM_MM: Final = (69.0, 43.0)
"""Middle of the drum around which the blend is laid: a knob a mode, its lamp inside, and further modes as the lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Anything on the panel.

    Args:
        name: Its name in the firmware and of its nets.
        legend: What the panel says.
        x_mm: From the left edge.
        y_mm: From the upper edge.
        shifted: What the panel says of it with SHIFT held.
    """

    name: str
    legend: str
    x_mm: float
    y_mm: float
    shifted: str = ""


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


CV_INPUTS: Final[tuple[CvInput, ...]] = (
    CvInput(name="V_OCT", legend="V/OCT", x_mm=10.2, y_mm=97, channel=0, low_volts=-3.0, high_volts=6.5, pitch=True),
    CvInput(name="CV_X", legend="X", x_mm=10.2, y_mm=82.2, channel=1),
    CvInput(name="CV_Y", legend="Y", x_mm=26.38, y_mm=82.2, channel=2),
    CvInput(name="CV_1", legend="CV I", x_mm=42.56, y_mm=82.2, channel=3),
    CvInput(name="CV_2", legend="CV II", x_mm=58.74, y_mm=82.2, channel=4),
    CvInput(name="CV_3", legend="CV III", x_mm=74.92, y_mm=82.2, channel=5),
)
"""CV I is for LEVEL unless the player says otherwise, so it stands below that knob."""
GATE_INPUTS: Final[tuple[GateInput, ...]] = (
    GateInput(name="GATE_IN", legend="GATE", x_mm=26.38, y_mm=97, gpio=5),
    GateInput(name="TRIG_IN", legend="TRIG", x_mm=42.56, y_mm=97, gpio=6),
    GateInput(name="CLOCK_IN", legend="CLOCK", x_mm=58.74, y_mm=97, gpio=12),
)
MIDI_JACKS: Final[tuple[MidiJack, ...]] = (
    MidiJack(name="MIDI_IN", legend="MIDI IN", x_mm=74.92, y_mm=97, direction="in"),
    MidiJack(name="MIDI_OUT", legend="MIDI OUT", x_mm=91.1, y_mm=97, direction="out"),
)
CV_OUTPUTS: Final[tuple[CvOutput, ...]] = (
    CvOutput(name="CV_A", legend="A", x_mm=26.38, y_mm=111.8, channel=0),
    CvOutput(name="CV_B", legend="B", x_mm=42.56, y_mm=111.8, channel=1),
)
GATE_OUTPUTS: Final[tuple[GateOutput, ...]] = (
    GateOutput(name="GATE_OUT", legend="GATE", x_mm=10.2, y_mm=111.8, gpio=16),
)
AUDIO_OUTPUTS: Final[tuple[AudioOutput, ...]] = (
    AudioOutput(name="AUDIO_L", legend="LEFT", x_mm=58.74, y_mm=111.8, side="L"),
    AudioOutput(name="AUDIO_R", legend="RIGHT", x_mm=74.92, y_mm=111.8, side="R"),
)
KNOBS: Final[tuple[Knob, ...]] = (
    Knob(name="KNOB_1", legend="1", x_mm=69, y_mm=23, channel=0),
    Knob(name="KNOB_2", legend="2", x_mm=88, y_mm=36.8, channel=1),
    Knob(name="KNOB_3", legend="3", x_mm=80.8, y_mm=59.2, channel=2),
    Knob(name="KNOB_4", legend="4", x_mm=57.2, y_mm=59.2, channel=3),
    Knob(name="KNOB_5", legend="5", x_mm=50, y_mm=36.8, channel=4),
    Knob(name="KNOB_6", legend="X", shifted="GLIDE", x_mm=10.2, y_mm=67.6, channel=5),
    Knob(name="KNOB_7", legend="Y", shifted="TUNE", x_mm=26.38, y_mm=67.6, channel=6),
    Knob(name="KNOB_8", legend="LEVEL", shifted="MORPH", x_mm=42.56, y_mm=67.6, channel=7),
)
ENCODER: Final = Encoder(
    name="ENC", legend="MENU", shifted="PAGE", x_mm=10.2, y_mm=49.6, gpio_a=22, gpio_b=23, gpio_switch=17
)
BUTTONS: Final[tuple[Button, ...]] = (
    Button(name="SHIFT", legend="SHIFT", x_mm=26.38, y_mm=51, gpio=24),
    Button(name="SAVE", legend="SAVE", shifted="PAIR", x_mm=42.56, y_mm=51, gpio=25),
)
LAMPS: Final[tuple[Lamp, ...]] = (
    Lamp(name="LAMP_1", legend="", x_mm=69, y_mm=32.7, red=0, green=1),
    Lamp(name="LAMP_2", legend="", x_mm=78.8, y_mm=39.8, red=2, green=3),
    Lamp(name="LAMP_3", legend="", x_mm=75.1, y_mm=51.3, red=4, green=5),
    Lamp(name="LAMP_4", legend="", x_mm=62.9, y_mm=51.3, red=6, green=7),
    Lamp(name="LAMP_5", legend="", x_mm=59.2, y_mm=39.8, red=8, green=9),
    Lamp(name="LAMP_6", legend="6", x_mm=69, y_mm=40.6, red=10, green=11),
    Lamp(name="LAMP_7", legend="7", x_mm=72.8, y_mm=46.0, red=12, green=13),
    Lamp(name="LAMP_8", legend="8", x_mm=65.2, y_mm=46.0, red=14, green=15),
)
"""Six to eight are the lot: modes without a knob of their own, or the last of a bundle's progress."""
DISPLAY: Final = Display(name="OLED", legend="", x_mm=21.7, y_mm=27)
USB_PORT: Final = UsbPort(name="USB", legend="USB", x_mm=91.1, y_mm=111.8)

PANEL: Final[tuple[Control, ...]] = (
    *CV_INPUTS,
    *GATE_INPUTS,
    *MIDI_JACKS,
    *CV_OUTPUTS,
    *GATE_OUTPUTS,
    *AUDIO_OUTPUTS,
    *KNOBS,
    ENCODER,
    *BUTTONS,
    *LAMPS,
    DISPLAY,
    USB_PORT,
)
"""All that is on the panel."""
