"""Analogue-to-digital converters: MCP3208, twelve bits, eight inputs.

Source: Microchip MCP3208 datasheet DS21298E, fig. 6-1: start bit, single-ended, three bits of channel, then one
sampling clock, a null bit and twelve bits of result; 1 MHz at 2.7 V, 2 MHz at 5 V.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from tombola_device.contract.errors import DeviceUnavailable

FULL_SCALE: Final = 4095
CHANNELS: Final = 8
SPI_HZ: Final = 1_000_000
LEFTOVER: Final = 0.00127
"""Share of the step from the channel before that is left in a conversion of an input with 330 Ω and 10 nF before it.

The sampler's 20 pF bring the charge of the channel before onto the 10 nF; 1.5 µs of sampling are half a time constant.
At most 5.2 counts (16 cents of V/OCT); in the next conversion, 24 µs later, 0.004 counts. Source: DS21298E, figure 4-1.
"""


class Converter(Protocol):
    """A converter with eight inputs.

    >>> class Grounded:
    ...     def read(self, channel): return 0
    ...     def close(self): pass
    >>> converter: Converter = Grounded()
    >>> converter.read(3)
    0
    """

    def read(self, channel: int) -> int:
        """Convert one input, 0 … FULL_SCALE.

        Raises:
            DeviceUnavailable: The converter does not answer.
        """

    def close(self) -> None:
        """Close the bus. May be called twice."""


class Sampler:
    """The sampling capacitor of a fake converter, which brings something of the channel before onto this one.

    >>> sampler = Sampler()
    >>> [sampler.sample([0, 4000], channel) for channel in (0, 1, 1)]
    [0, 3995, 4000]

    Args:
        leftover: Share of the step that is left.
    """

    def __init__(self, leftover: float = LEFTOVER) -> None:
        self._leftover = leftover
        self._held = 0

    def sample(self, counts: Sequence[int], channel: int) -> int:
        """Convert one of the inputs that stand at ``counts``."""
        new = counts[channel]
        left = self._leftover * (self._held - new)
        self._held = new
        return round(new + left)


class FakeConverter:
    """Reads the values that a test sets, with what the channel before leaves; verbs: ``set``, ``unplug``."""

    def __init__(self, rest: int = 0) -> None:
        self.counts = [rest] * CHANNELS
        self._sampler = Sampler()
        self._gone = False

    def set(self, channel: int, counts: int) -> None:
        """Set the value of an input from now on."""
        self.counts[channel] = counts

    def unplug(self) -> None:
        """Stop answering."""
        self._gone = True

    def read(self, channel: int) -> int:
        """See Converter."""
        if self._gone:
            raise DeviceUnavailable("the converter does not answer; check the ribbon between the boards")
        return self._sampler.sample(self.counts, channel)

    def close(self) -> None:
        """See Converter."""


class SpidevConverter:
    """A converter on the kernel's SPI: 24 µs per conversion and about as much for the call.

    Raises:
        DeviceUnavailable: spidev is missing or SPI is off.
    """

    def __init__(self, bus: int, chip_enable: int) -> None:
        try:
            import spidev
        except ImportError as error:
            raise DeviceUnavailable(
                "the panel's converters need the Python package spidev, which is not installed; install "
                "tombola-device[gpio]"
            ) from error
        self._spi: Any = spidev.SpiDev()
        try:
            self._spi.open(bus, chip_enable)
            self._spi.max_speed_hz = SPI_HZ
        except OSError as error:
            raise DeviceUnavailable(
                f"SPI {bus}.{chip_enable} cannot be opened ({error.strerror}); switch SPI on in config.txt"
            ) from error

    def read(self, channel: int) -> int:
        """See Converter."""
        try:
            _, high, low = self._spi.xfer2([0x06 | channel >> 2, (channel & 3) << 6, 0])
        except OSError as error:
            raise DeviceUnavailable(f"a converter does not answer ({error.strerror}); check SPI") from error
        return int((high & 0x0F) << 8 | low)

    def close(self) -> None:
        """See Converter."""
        self._spi.close()


class GpiozeroConverter:
    """A converter through gpiozero's SPI in software, which also works on mock pins.

    Args:
        pins: Keyword arguments of gpiozero's MCP3208: clock, data and select pins, and the pin factory.

    Raises:
        DeviceUnavailable: gpiozero is missing or cannot use the pins.
    """

    def __init__(self, **pins: Any) -> None:  # noqa: ANN401 - gpiozero has no annotations
        try:
            import gpiozero
        except ImportError as error:
            raise DeviceUnavailable(
                "the panel needs the Python package gpiozero, which is not installed; install tombola-device[gpio] or "
                "set panel to none"
            ) from error
        self._errors = (gpiozero.GPIOZeroError, OSError)
        try:
            self._inputs = [gpiozero.MCP3208(channel=channel, **pins) for channel in range(CHANNELS)]
        except (*self._errors, RuntimeError) as error:
            raise DeviceUnavailable(f"the panel's pins cannot be opened ({error}); set panel to none") from error

    def read(self, channel: int) -> int:
        """See Converter."""
        try:
            return int(self._inputs[channel].raw_value)
        except self._errors as error:
            raise DeviceUnavailable(f"a converter does not answer ({error}); check SPI") from error

    def close(self) -> None:
        """See Converter."""
        for converter in self._inputs:
            converter.close()
        self._inputs = []
