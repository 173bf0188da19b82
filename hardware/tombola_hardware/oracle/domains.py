"""Between which voltages each net stays, whatever is patched: typed apart from the sheets.

The rest of the checks ask this table: what a resistor heats with, what a capacitor bears, what reaches a pin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from tombola_hardware.model import Board

GPIO_VOLTS: Final = 3.6
"""What a pin of the Raspberry Pi bears: its 3.3 V and a tenth. Source: BCM2711 ARM peripherals, from memory."""
DOMAINS: Final[tuple[tuple[str, float, float], ...]] = (
    # Nets, lowest and highest volts. The first that fits counts.
    (r"GND", 0.0, 0.0),
    (r"\+12V|P12_FUSED|P12_IN|HOLD_P", -12.6, 12.6),
    (r"-12V|M12_FUSED|M12_IN", -12.6, 12.6),
    (r"P12_SOFT|SOFT|HOLD_C", 0.0, 12.6),
    (r"HOLD_N|P12_SENSE", 0.0, 0.9),
    (r"BUCK_CTRL", 0.0, 6.0),
    (r"\+5V|P5_QUIET|P5_IN|USB_VBUS", 0.0, 5.5),
    (r"\+3\.3V", 0.0, 3.6),
    (r"\+3\.3VA|P3_AUDIO", 0.0, 3.4),
    (r"VREF|VREF_NR|BIAS_.*|KNOB_\d|SPARE_\d", 0.0, 3.1),
    # A Eurorack source gives ±12 V, directly at worst; what comes out of ours is shorted, or meets a source of 1 kΩ.
    (r"(V_OCT|CV_[XY\d]|GATE_IN|TRIG_IN|CLOCK_IN)_JACK", -24.0, 24.0),
    (r"GATE_OUT_JACK", -12.6, 12.6),
    (r"(CV_[AB]|AUDIO_[LR])_JACK", 0.0, 0.0),
    (r"CV_[AB]_AMP", -11.6, 11.6),
    (r"AUDIO_[LR]_AMP", -5.1, 5.1),
    (r"AUDIO_[LR]_DAC", -3.0, 3.0),
    (r"AUDIO_[LR]_SUM|OUT_[LR]|VNEG|PUMP_[PM]", -3.4, 3.4),
    (r"DAC_CV_[AB]|CV_[AB]_SUM", 0.0, 2.1),
    (r"(V_OCT|CV_[XY\d])_SUM", -1.0, 4.3),
    (r"(V_OCT|CV_[XY\d])_AMP|ADC_.*", 0.0, 3.4),
    (r".*_BASE", -0.8, 0.8),
    (r"GATE_OUT_DRIVE", 0.0, 5.5),
    (r"MIDI_IN_[45]", 0.0, 5.0),
    (r"MIDI_LED", 1.2, 1.5),
    (r"MIDI_OUT_[45]|MIDI_DRIVE", 0.0, 3.6),
    (r"8\d_A[12]|LAMP_\d_(RED|GREEN)", 0.0, 3.6),
    (r"LDOO", 0.0, 2.0),
    (r"USB_(CC\d|DP|DM)|POWER_CC\d", 0.0, 3.6),
    (r"SDA|SCL|SPI_.*|CS_.*|I2S_.*|GATE_OUT|(GATE|TRIG|CLOCK)_IN|MIDI_[TR]X|ENC_.*|SHIFT|SAVE", 0.0, GPIO_VOLTS),
    (r"AUDIO_MUTE|XSMT|PWR_FAIL|VBUS_SENSE", 0.0, GPIO_VOLTS),
)  # fmt: skip
LIMITED_AMPS: Final = {"MIDI_DRIVE": 0.05, "CV_A_AMP": 0.05, "CV_B_AMP": 0.05}
"""Nets whose chip gives no more than this into a short: 74LVC1G17 (SCES351), OPA1678 (SBOS855), both from memory."""


@cache
def volts(net: str) -> tuple[float, float] | None:
    """Lowest and highest voltage of a net; none for one that the table does not know."""
    for pattern, low, high in DOMAINS:
        if re.fullmatch(pattern, net):
            return low, high
    return None


def apart(one: str, other: str) -> float:
    """Most volts that can stand between two nets; a net of no domain counts as 24 V."""
    (a, b), (c, d) = volts(one) or (-24.0, 24.0), volts(other) or (-24.0, 24.0)
    return max(b - c, d - a)


def faults(board: Board) -> Iterator[str]:
    """A sentence for each net without a domain."""
    for net in board.nets():
        if volts(net) is None:
            yield f"net {net} has no voltage domain; add it to oracle/domains.py with the volts that it can have"
