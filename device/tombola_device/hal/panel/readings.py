"""Turns single conversions into steady values: the order of the readings and their averaging."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Final

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.converters import FULL_SCALE, Converter
from tombola_device.hal.panel.pins import AnalogInput

PITCH: Final = "V_OCT"
PITCH_READINGS: Final = 4
PITCH_MEAN: Final = 16
"""Each scan reads pitch four times and averages the last sixteen: noise of 1 count (3.1 cents) becomes 0.8 cents. The
AD7689's own is a thirtieth of that; the rest of the board's nobody has measured."""
JUMP_COUNTS: Final = 6.0
"""A larger change of pitch (18 cents) starts a new note: older readings are dropped, so that the pitch does not slide.
A vibrato moves less per reading, and the mean over 4 ms does not change it."""
CVS_A_SCAN: Final = 3
"""Number of the five other voltages that each scan reads. Each reading is then at most two scans old; with one per scan
the latency would grow by 5 ms."""
CV_SHARE: Final = 0.25
"""Other voltages pass a one-pole filter: each reading moves the value by a quarter of the difference, half in 4 ms."""

LONGEST_REST_SCANS: Final = 512
"""Converters that do not answer are asked again in the next scan, then after 1, 3, 7 … more, at last twice a second."""
FIRST_ATTEMPTS: Final = 10
ATTEMPT_S: Final = 0.005


class Readings:
    """Scans the inputs. Each scan reads pitch, the next three of the other voltages and the next knob.

    At 1000 scans per second, each other voltage is read 600 times per second and each knob 125 times. One scan makes
    nine conversions: 20 transfers of 4 µs and one of 24 µs, and the calls. A rising gate costs 17 more.

    Args:
        inputs: Analogue inputs of the pin map.
        converters: Converters by their names in the pin map.
    There are no values before all inputs were read once: a knob that nobody could read must not mute the sound.
    """

    def __init__(self, inputs: Mapping[str, AnalogInput], converters: Mapping[str, Converter]) -> None:
        self._inputs = {name: (converters[pin.converter], pin.channel) for name, pin in inputs.items()}
        self._knobs = sorted(name for name in inputs if name.startswith("KNOB_"))
        self._cvs = [name for name in inputs if name != PITCH and name not in self._knobs]
        self._turn = 0
        self._pitch: deque[float] = deque(maxlen=PITCH_MEAN)
        self._values = dict.fromkeys(self._inputs, 0.0)
        self._fault, self._failures, self._rests = "", 0, 0
        self._known = False
        for _ in range(FIRST_ATTEMPTS):
            try:
                self._read_all()
            except DeviceUnavailable:
                time.sleep(ATTEMPT_S)
            else:
                break

    def follow(self, *, struck: bool) -> str:
        """Read the inputs of one scan, or rest if they have not answered; return why they do not, empty: they do.

        Args:
            struck: Whether a gate has risen, so that pitch is measured anew.
        """
        if self._rests > 0:
            self._rests -= 1
            return self._fault
        try:
            if not self._known:
                self._read_all()
            if struck:
                self.settle_pitch()
            self.scan()
        except DeviceUnavailable as error:
            self._fault, self._rests = str(error), min(2**self._failures - 1, LONGEST_REST_SCANS)
            self._failures = min(self._failures + 1, 10)
        else:
            self._fault, self._failures = "", 0
        return self._fault

    def scan(self) -> None:
        """Read the inputs of one scan.

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
        """Measure pitch anew after a gate has risen, without older readings."""
        self._pitch.clear()
        self._read_pitch(PITCH_MEAN)

    @property
    def knobs(self) -> tuple[float, ...]:
        """All knobs in their order, 0 … 1; none before they were read."""
        return tuple(self._values[name] for name in self._knobs) if self._known else ()

    @property
    def voltages(self) -> dict[str, float]:
        """Name of each input except knobs → share of the converter's range, 0 … 1; none before they were read."""
        return {name: self._values[name] for name in (PITCH, *self._cvs) if name in self._values and self._known}

    def _read_all(self) -> None:
        for name in (*self._knobs, *self._cvs):
            self._values[name] = self._read(name) / FULL_SCALE
        self._read_pitch()
        self._known = True

    def _read(self, name: str) -> float:
        converter, channel = self._inputs[name]
        return converter.read(channel)

    def _read_pitch(self, readings: int = PITCH_READINGS) -> None:
        if PITCH not in self._inputs:
            return
        # Not used: the channel before moves the first conversion by up to 1.7 cents, and the next by nothing.
        self._read(PITCH)
        new = [self._read(PITCH) for _ in range(readings)]
        if self._pitch and abs(sum(new) / len(new) - sum(self._pitch) / len(self._pitch)) > JUMP_COUNTS:
            self._pitch.clear()
        self._pitch.extend(new)
        self._values[PITCH] = sum(self._pitch) / len(self._pitch) / FULL_SCALE
