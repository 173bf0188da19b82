"""Volts from shares of a converter's range: nominal, then as measured; kept where updates do not reach.

    offset      bytes  one of two records, at 0 and at 2048
    0           4      magic, MAGIC
    4           4      number, unsigned, little-endian: the record with the higher one counts
    8           2      n, length of the text
    10          n      JSON
    10 + n      4      CRC-32 of all before it

A new record overwrites the older one, so that a power cut in the middle leaves the newer.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tombola_device.contract.errors import StoreError
from tombola_device.hal.panel.memory import SIZE_BYTES, Memory
from tombola_device.hal.panel.pins import AnalogInput, AnalogOutput, PinMap

MAGIC: Final = b"TCAL"
RECORD_BYTES: Final = SIZE_BYTES // 2
_HEAD: Final = struct.Struct("<4sIH")

_Volts = Annotated[float, Meta(ge=-50, le=50)]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A straight line from a share of the range, 0 … 1, to volts."""

    volts_at_zero: _Volts
    volts_at_full: _Volts

    def volts(self, share: float) -> float:
        """What a share stands for."""
        return self.volts_at_zero + (self.volts_at_full - self.volts_at_zero) * share

    def share(self, volts: float) -> float:
        """Which share stands for so many volts; not limited to 0 … 1."""
        return (volts - self.volts_at_zero) / (self.volts_at_full - self.volts_at_zero)


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has been measured, by the pin map's names; what has not is nominal."""

    lines: dict[str, Line] = {}


class Voltmeter:
    """Turns shares into volts and back.

    Args:
        pins: The nominal ranges.
        calibration: What has been measured.
    """

    def __init__(self, pins: PinMap, calibration: Calibration) -> None:
        nominal = {name: _line(pin) for name, pin in pins.adc.items()}
        nominal |= {name: _line(pin) for name, pin in pins.dac.items()}
        self.calibration = calibration
        self._lines = {name: calibration.lines.get(name, line) for name, line in nominal.items()}

    def of(self, name: str, share: float) -> float:
        """Volts at an input."""
        return self._lines[name].volts(share)

    def share(self, name: str, volts: float) -> float:
        """Share of an output's range, 0 … 1."""
        return min(max(self._lines[name].share(volts), 0.0), 1.0)

    def line(self, name: str) -> Line:
        """What is used for an input or output."""
        return self._lines[name]


def _line(pin: AnalogInput | AnalogOutput) -> Line:
    return Line(pin.volts_at_zero, pin.volts_at_full)


def load_calibration(memory: Memory) -> tuple[Calibration, str]:
    """What is kept, and a sentence if it was damaged; nominal values if nothing is usable."""
    image = memory.read()
    records = [_read(image[at : at + RECORD_BYTES]) for at in (0, RECORD_BYTES)]
    whole = [record for record in records if record is not None]
    if whole:
        return max(whole, key=lambda record: record[0])[1], ""
    if set(image) <= {0xFF} or set(image) <= {0}:
        return Calibration(), ""
    return Calibration(), "the calibration is damaged and nominal values are used; calibrate again"


def save_calibration(memory: Memory, calibration: Calibration) -> None:
    """Keep a calibration.

    Raises:
        DeviceUnavailable: The memory does not answer; what was kept before still is.
        StoreError: It does not fit, cannot be written, or reads back as something else.
    """
    image = memory.read()
    records = [_read(image[at : at + RECORD_BYTES]) for at in (0, RECORD_BYTES)]
    numbers = [record[0] if record is not None else -1 for record in records]
    older = numbers.index(min(numbers))
    text = msgspec.json.encode(calibration)
    head = _HEAD.pack(MAGIC, (max(numbers) + 1) & 0xFFFFFFFF, len(text))
    record = head + text + zlib.crc32(head + text).to_bytes(4, "little")
    if len(record) > RECORD_BYTES:
        raise StoreError(f"the calibration has {len(record)} bytes, more than the {RECORD_BYTES} that there are")
    memory.write(older * RECORD_BYTES, record)
    if load_calibration(memory)[0] != calibration:
        raise StoreError("the calibration reads back as something else; the memory may be worn out")


def _read(data: bytes) -> tuple[int, Calibration] | None:
    magic, number, length = _HEAD.unpack_from(data)
    end = _HEAD.size + length
    if magic != MAGIC or end + 4 > len(data):
        return None
    if zlib.crc32(data[:end]) != int.from_bytes(data[end : end + 4], "little"):
        return None
    try:
        calibration = msgspec.json.decode(data[_HEAD.size : end], type=Calibration)
    except msgspec.DecodeError:
        return None
    if any(line.volts_at_zero == line.volts_at_full for line in calibration.lines.values()):
        return None
    return number, calibration


def through(points: Mapping[float, float]) -> Line:
    """The line through two points, volts by share."""
    (share_1, volts_1), (share_2, volts_2) = sorted(points.items())
    slope = (volts_2 - volts_1) / (share_2 - share_1)
    zero = volts_1 - slope * share_1
    return Line(zero, zero + slope)
