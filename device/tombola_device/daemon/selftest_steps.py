"""The steps of the self test as a table: those of hardware/docs/bring_up.md, with its numbers, volts and words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tombola_device.daemon.selftest_checks import (
    Check,
    Clicks,
    ComesAndGoes,
    Echoes,
    Follows,
    FollowsGate,
    Pushes,
    Rests,
    Sees,
    Shines,
    Swings,
    Turns,
)
from tombola_device.hal.panel.pins import PinMap
from tombola_device.hal.panel.port import BUTTONS, GATES, KNOBS, VOLTAGES


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Args:
        number: In the table of the bring-up.
        do: What the builder patches and does.
        circuit: Where to look if it is bad.
        check: What is measured.
    """

    number: int
    do: str
    circuit: str
    check: Check


def steps(pins: PinMap) -> Iterator[Step]:
    """All steps for a board."""
    dark = "were all lamps dark and was there no click at LEFT and RIGHT when it was switched on?"
    yield Step(1, "patch nothing", "lamps, mute", Sees(dark))
    yield Step(2, "patch nothing", "input stages, BIAS_PITCH, BIAS_CV", Rests(VOLTAGES, 0.05))
    yield Step(3, "patch CV A into V/OCT", "DAC, U52, V/OCT", Follows("CV_A", "V_OCT", (1.0, 5.0), 0.08))
    for name in VOLTAGES[1:]:
        yield Step(4, f"patch CV A into {name}", f"input {name}", Follows("CV_A", name, (-1.0, 8.0), 0.15))
    yield Step(5, "patch CV B into V/OCT", "DAC's second channel", Follows("CV_B", "V_OCT", (1.0, 5.0), 0.08))
    for name in GATES:
        yield Step(6, f"patch GATE out into {name}", f"U41, {name}", FollowsGate(name))
    yield Step(7, "patch MIDI OUT into MIDI IN", "U72, U71, both sockets", Echoes())
    for side in ("LEFT", "RIGHT"):
        yield Step(8, f"patch {side} into CV I", f"audio DAC, U62, {side}", Swings("CV_1", 4.9, 0.25))
    for knob in range(KNOBS):
        yield Step(9, f"turn knob {knob + 1} to its left stop, then to its right stop", "pots, U91", Turns(knob))
    yield Step(10, "turn the encoder once round to the right, 30 detents", "encoder", Clicks())
    for name in BUTTONS:
        words = "the encoder" if name == "ENC_SW" else name
        yield Step(10, f"push {words} once", f"button {name}", Pushes(name))
    for lamp, led in enumerate(pins.leds, 1):
        for colour, channel in (("red", led.red), ("green", led.green)):
            words = f"the {colour} die of lamp {lamp}"
            yield Step(11, "look at the lamps", f"PCA9685, {words}", Shines(channel, words))
    yield Step(12, "plug the USB cable, wait a second, unplug it", "divider, guard", ComesAndGoes("usb"))
    if "PWR_FAIL" in pins.gpio:
        lower = "lower +12 V slowly to 9.8 V, then raise it again"
        yield Step(13, lower, "U13, D61", ComesAndGoes("power_fails"))
