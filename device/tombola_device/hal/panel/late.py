"""Chips that may answer later: what does not answer at the start is opened again while the instrument plays."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, Generic, Protocol, TypeVar

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.converters import Converter
from tombola_device.hal.panel.cv_out import CvOut
from tombola_device.hal.panel.leds import Leds

AGAIN_S: Final = 2.0
Chip = TypeVar("Chip")


class VoltagesOut(Protocol):
    """What sets the CV outputs: a ``CvOut``, at once or later.

    >>> class Kept:
    ...     def write(self, shares): self.shares = shares
    >>> out: VoltagesOut = Kept()
    >>> out.write({0: 0.5})
    """

    def write(self, shares: Mapping[int, float]) -> None:
        """Set channels, each to a share of its range, 0 … 1.

        Raises:
            DeviceUnavailable: The chip does not answer.
        """


class Late(Generic[Chip]):
    """A chip that is opened at once, or again every AGAIN_S when it is used.

    Args:
        open_chip: Opens it; raises DeviceUnavailable if it does not answer.
        clock: Seconds.

    >>> now, answers = [0.0], []
    >>> def open_chip():
    ...     if not answers: raise DeviceUnavailable("the chip does not answer; check the board")
    ...     return answers[0]
    >>> late = Late(open_chip, lambda: now[0])
    >>> answers.append("a chip")
    >>> now[0] = AGAIN_S
    >>> late.get()
    'a chip'
    """

    def __init__(self, open_chip: Callable[[], Chip], clock: Callable[[], float] = time.monotonic) -> None:
        self._open, self._clock = open_chip, clock
        self.chip: Chip | None = None
        """The chip; None: it has not answered yet."""
        self.fault = ""
        """Why it has not."""
        self._try()

    def get(self) -> Chip:
        """The chip.

        Raises:
            DeviceUnavailable: It has not answered yet.
        """
        if self.chip is None and self._clock() >= self._again_s:
            self._try()
        if self.chip is None:
            raise DeviceUnavailable(self.fault)
        return self.chip

    def _try(self) -> None:
        self._again_s = self._clock() + AGAIN_S
        try:
            self.chip = self._open()
        except DeviceUnavailable as error:
            self.fault = str(error)


class LateLeds:
    """The driver of the LEDs, from when it answers."""

    def __init__(self, late: Late[Leds]) -> None:
        self._late = late

    def show(self, channels: list[float], /) -> None:
        """See Lights."""
        self._late.get().show(channels)


class LateCvOut:
    """The DAC of the CV outputs, from when it answers."""

    def __init__(self, late: Late[CvOut]) -> None:
        self._late = late

    def write(self, shares: Mapping[int, float]) -> None:
        """See CvOut."""
        self._late.get().write(shares)


class LateConverter:
    """A converter, from when its bus can be opened."""

    def __init__(self, late: Late[Converter]) -> None:
        self._late = late

    def read(self, channel: int) -> float:
        """See Converter."""
        return self._late.get().read(channel)

    def close(self) -> None:
        """See Converter."""
        if self._late.chip is not None:
            self._late.chip.close()
