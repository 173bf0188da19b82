"""Analogue-to-digital converters: MCP3208, twelve bits, for the knobs; AD7689, sixteen, for voltages.

Both give counts of twelve bits, 0 … FULL_SCALE; those of the AD7689 are fractions of a count.

Source: Microchip MCP3208 datasheet DS21298E, fig. 6-1: start bit, single-ended, three bits of channel, then one
sampling clock, a null bit and twelve bits of result; 1 MHz at 2.7 V, 2 MHz at 5 V. Analog Devices AD7682/AD7689
revision J, CFG register and reading after a conversion; it is told by the AD7949 driver of the Linux kernel too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from tombola_device.contract.errors import DeviceUnavailable

FULL_SCALE: Final = 4095
CHANNELS: Final = 8
SPI_HZ: Final = {"MCP3208": 1_000_000, "AD7689": 4_000_000}
"""At 4 MHz a transfer takes 4 µs, and the AD7689 has 10 µs and more between two to take an input in."""
LEFTOVER: Final = 0.00013
"""Share of the step from the channel before that is left in a conversion of an input with 330 Ω and 10 nF before it.

The sampler's 27 pF bring the charge of the channel before onto the 10 nF, which 10 µs take away but for a twentieth. At
most 0.5 counts (1.7 cents of V/OCT); in the next conversion, 28 µs later, nothing. Source: AD7689, analogue inputs.
"""
FINE_CODES: Final = 65535
CFG: Final = 0b1_111_000_1_110_00_1
"""Overwrite; single inputs to ground; channel 0; full bandwidth; external reference; no sequencer; no reading back."""
CFG_CHANNEL: Final = 7
"""Lowest bit of the channel in CFG."""


class Converter(Protocol):
    """A converter with eight inputs.

    >>> class Grounded:
    ...     def read(self, channel): return 0
    ...     def close(self): pass
    >>> converter: Converter = Grounded()
    >>> converter.read(3)
    0
    """

    def read(self, channel: int) -> float:
        """Convert one input, 0 … FULL_SCALE.

        Raises:
            DeviceUnavailable: The converter does not answer.
        """

    def close(self) -> None:
        """Close the bus. May be called twice."""


class SpiDevice(Protocol):
    """One chip on an SPI bus.

    >>> class Silent:
    ...     def transfer(self, data): return [0] * len(data)
    ...     def close(self): pass
    >>> device: SpiDevice = Silent()
    >>> device.transfer([1, 2])
    [0, 0]
    """

    def transfer(self, data: Sequence[int]) -> Sequence[int]:
        """Send bytes while the chip is selected; return as many that it sends.

        Raises:
            DeviceUnavailable: The bus does not answer.
        """

    def close(self) -> None:
        """Close the device. May be called twice."""


class Mcp3208:
    """An MCP3208 on a bus."""

    def __init__(self, spi: SpiDevice) -> None:
        self._spi = spi

    def read(self, channel: int) -> float:
        """See Converter."""
        _, high, low = self._spi.transfer([0x06 | channel >> 2, (channel & 3) << 6, 0])
        return (high & 0x0F) << 8 | low

    def close(self) -> None:
        """See Converter."""
        self._spi.close()


class Ad7689:
    """An AD7689 on a bus.

    Each transfer tells the channel of the conversion after the next, and its end begins a conversion. So what is asked
    for comes two transfers later, and a channel that was asked for before comes one later: always a fresh one.
    """

    def __init__(self, spi: SpiDevice) -> None:
        self._spi = spi
        self._channel: int | None = None

    def read(self, channel: int) -> float:
        """See Converter."""
        first, second = ((CFG | channel << CFG_CHANNEL) << 2).to_bytes(2, "big")
        asked, self._channel = self._channel, None
        for _ in range(1 if asked == channel else 2):
            self._spi.transfer([first, second])
        high, low = self._spi.transfer([first, second])
        self._channel = channel
        return (high << 8 | low) * (FULL_SCALE / FINE_CODES)

    def close(self) -> None:
        """See Converter."""
        self._spi.close()


CHIPS: Final[dict[str, Callable[[SpiDevice], Converter]]] = {"MCP3208": Mcp3208, "AD7689": Ad7689}
"""By the names of the pin map."""


class Sampler:
    """The sampling capacitor of a fake converter, which brings something of the channel before onto this one.

    >>> sampler = Sampler(0.001)
    >>> [sampler.sample([0, 4000], channel) for channel in (0, 1, 1)]
    [0.0, 3996.0, 4000.0]

    Args:
        leftover: Share of the step that is left.
    """

    def __init__(self, leftover: float = LEFTOVER) -> None:
        self._leftover = leftover
        self._held = 0.0

    def sample(self, counts: Sequence[float], channel: int) -> float:
        """Convert one of the inputs that stand at ``counts``."""
        new = counts[channel]
        left = self._leftover * (self._held - new)
        self._held = new
        return new + left


class FakeConverter:
    """Reads the values that a test sets, with what the channel before leaves; verbs: ``set``, ``unplug``."""

    def __init__(self, rest: float = 0.0) -> None:
        self.counts = [rest] * CHANNELS
        self._sampler = Sampler()
        self._gone = False

    def set(self, channel: int, counts: float) -> None:
        """Set the value of an input from now on."""
        self.counts[channel] = counts

    def unplug(self) -> None:
        """Stop answering."""
        self._gone = True

    def read(self, channel: int) -> float:
        """See Converter."""
        if self._gone:
            raise DeviceUnavailable("the converter does not answer; check the ribbon between the boards")
        return self._sampler.sample(self.counts, channel)

    def close(self) -> None:
        """See Converter."""


class Spidev:
    """A chip on the kernel's SPI: 24 µs a conversion at 1 MHz, and about as much for the call.

    Raises:
        DeviceUnavailable: spidev is missing or SPI is off.
    """

    def __init__(self, bus: int, chip_enable: int, hertz: int) -> None:
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
            self._spi.max_speed_hz = hertz
        except OSError as error:
            raise DeviceUnavailable(
                f"SPI {bus}.{chip_enable} cannot be opened ({error.strerror}); switch SPI on in config.txt"
            ) from error

    def transfer(self, data: Sequence[int]) -> Sequence[int]:
        """See SpiDevice."""
        try:
            answer: Sequence[int] = self._spi.xfer2(list(data))
        except OSError as error:
            raise DeviceUnavailable(f"a converter does not answer ({error.strerror}); check SPI") from error
        return answer

    def close(self) -> None:
        """See SpiDevice."""
        self._spi.close()


class GpiozeroSpi:
    """A chip through gpiozero's SPI in software, which also works on mock pins.

    Args:
        pins: Keyword arguments of gpiozero's SPIDevice: clock, data and select pins, and the pin factory.

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
            self._device = gpiozero.SPIDevice(**pins)
        except (*self._errors, RuntimeError) as error:
            raise DeviceUnavailable(f"the panel's pins cannot be opened ({error}); set panel to none") from error

    def transfer(self, data: Sequence[int]) -> Sequence[int]:
        """See SpiDevice."""
        try:
            answer: Sequence[int] = self._device._spi.transfer(list(data))  # noqa: SLF001 - no public way
        except (*self._errors, AttributeError) as error:
            raise DeviceUnavailable(f"a converter does not answer ({error}); check SPI") from error
        return answer

    def close(self) -> None:
        """See SpiDevice."""
        self._device.close()
