"""Keeps the calibration in a memory that updates do not touch.

    offset      bytes  one of two records, at 0 and at 2048
    0           4      magic, MAGIC
    4           4      number, unsigned, little-endian: the record with the higher one counts
    8           2      n, length of the text
    10          n      JSON
    10 + n      4      CRC-32 of all before it

A new record overwrites the older of the two, so that a power cut during the write leaves the newer one whole.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import msgspec

from tombola_device.contract.errors import StoreError, TombolaError
from tombola_device.hal.panel.memory import SIZE_BYTES, Memory
from tombola_device.hal.panel.pins import PinMap
from tombola_device.surface.volts import Calibration, Line

MAGIC: Final = b"TCAL"
RECORD_BYTES: Final = SIZE_BYTES // 2
_HEAD: Final = struct.Struct("<4sIH")


def nominal_lines(pins: PinMap) -> dict[str, Line]:
    """The lines that the board's inputs and outputs should have, by the pin map's names."""
    inputs = {name: Line(pin.volts_at_zero, pin.volts_at_full) for name, pin in pins.adc.items()}
    return inputs | {name: Line(pin.volts_at_zero, pin.volts_at_full) for name, pin in pins.dac.items()}


def load_calibration(memory: Memory) -> tuple[Calibration, str]:
    """The calibration that was saved; an empty one and a sentence if it is damaged or the memory does not answer."""
    try:
        image = memory.read()
    except TombolaError as error:
        return Calibration(), f"nominal values are used, because the calibration cannot be read: {error}"
    records = [_read(image[at : at + RECORD_BYTES]) for at in (0, RECORD_BYTES)]
    whole = [record for record in records if record is not None]
    if whole:
        return max(whole, key=lambda record: record[0])[1], ""
    if set(image) <= {0xFF} or set(image) <= {0}:
        return Calibration(), ""
    return Calibration(), "the calibration is damaged and nominal values are used; calibrate again"


def save_calibration(memory: Memory, calibration: Calibration) -> None:
    """Save a calibration.

    Raises:
        DeviceUnavailable: The memory does not answer; the calibration before stays.
        StoreError: The calibration does not fit, cannot be written, or reads back differently.
    """
    image = memory.read()
    records = [_read(image[at : at + RECORD_BYTES]) for at in (0, RECORD_BYTES)]
    numbers = [record[0] if record is not None else -1 for record in records]
    older = numbers.index(min(numbers))
    text = msgspec.json.encode(calibration)
    head = _HEAD.pack(MAGIC, (max(numbers) + 1) & 0xFFFFFFFF, len(text))
    record = head + text + zlib.crc32(head + text).to_bytes(4, "little")
    if len(record) > RECORD_BYTES:
        raise StoreError(f"the calibration has {len(record)} bytes, more than the {RECORD_BYTES} of a record")
    memory.write(older * RECORD_BYTES, record)
    if load_calibration(memory)[0] != calibration:
        raise StoreError("the calibration reads back differently; the memory may be worn out")


def _read(data: bytes) -> tuple[int, Calibration] | None:
    if len(data) < _HEAD.size:
        return None
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
