"""From single conversions to steady values: which input is read when, and how much is averaged."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from tombola_device.hal.panel.converters import FULL_SCALE, Converter
from tombola_device.hal.panel.pins import AnalogInput

PITCH: Final = "V_OCT"
PITCH_READINGS: Final = 4
PITCH_MEAN: Final = 16
"""Each scan reads pitch four times and gives the mean of the last sixteen: noise of 1 LSB (2.9 cents) then is 0.7."""
JUMP_COUNTS: Final = 6.0
"""A pitch that moved further than this (18 cents) is a new one: what was read before it is not averaged in, so that
there is no slide. Below it lies a vibrato, which a mean of 4 ms does not touch."""
CVS_A_SCAN: Final = 3
"""Of the five other voltages, so that each is at most two scans old: with one a scan, five milliseconds would be added
to a latency of at most a buffer."""
CV_SHARE: Final = 0.25
"""Other voltages follow with one pole, a quarter of the way a reading: half the way in 4 ms."""


class Readings:
    """Scans the inputs: pitch each time, three other voltages and one knob in turn.

    At 1 kHz that is eight conversions a millisecond (0.4 ms of the bus), each other voltage 600 times a second and each
    knob 125 times.

    Args:
        inputs: From the pin map.
        converters: By the names that it uses.
    """

    def __init__(self, inputs: Mapping[str, AnalogInput], converters: Mapping[str, Converter]) -> None:
        self._inputs = {name: (converters[pin.converter], pin.channel) for name, pin in inputs.items()}
        self._knobs = sorted(name for name in inputs if name.startswith("KNOB_"))
        self._cvs = [name for name in inputs if name != PITCH and name not in self._knobs]
        self._turn = 0
        self._pitch: deque[int] = deque(maxlen=PITCH_MEAN)
        self._values = dict.fromkeys(self._inputs, 0.0)
        for name in (*self._knobs, *self._cvs):
            self._values[name] = self._read(name) / FULL_SCALE
        self._read_pitch()

    def scan(self) -> None:
        """Read what is due.

        Raises:
            DeviceUnavailable: A converter does not answer.
        """
        self._read_pitch()
        for turn in range(min(CVS_A_SCAN, len(self._cvs))):
            name = self._cvs[(CVS_A_SCAN * self._turn + turn) % len(self._cvs)]
            self._values[name] += CV_SHARE * (self._read(name) / FULL_SCALE - self._values[name])
        if self._knobs:
            name = self._knobs[self._turn % len(self._knobs)]
            self._values[name] = self._read(name) / FULL_SCALE
        self._turn += 1

    def settle_pitch(self) -> None:
        """A gate has just risen: pitch as it stands now, with nothing from before."""
        self._pitch.clear()
        for _ in range(PITCH_MEAN // PITCH_READINGS):
            self._read_pitch()

    @property
    def knobs(self) -> tuple[float, ...]:
        """All knobs in their order, 0 … 1."""
        return tuple(self._values[name] for name in self._knobs)

    @property
    def voltages(self) -> dict[str, float]:
        """Share of the converter's range at each other input, 0 … 1, by name."""
        return {name: self._values[name] for name in (PITCH, *self._cvs) if name in self._values}

    def _read(self, name: str) -> int:
        converter, channel = self._inputs[name]
        return converter.read(channel)

    def _read_pitch(self) -> None:
        if PITCH not in self._inputs:
            return
        new = [self._read(PITCH) for _ in range(PITCH_READINGS)]
        if self._pitch and abs(sum(new) / len(new) - sum(self._pitch) / len(self._pitch)) > JUMP_COUNTS:
            self._pitch.clear()
        self._pitch.extend(new)
        self._values[PITCH] = sum(self._pitch) / len(self._pitch) / FULL_SCALE
