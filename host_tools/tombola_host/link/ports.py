"""Which serial port the instrument is on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from serial.tools import list_ports
from tombola_device.contract.errors import DeviceUnavailable

VENDOR_ID: Final = 0x1D6B
PRODUCT_ID: Final = 0x0104
"""Of Linux gadgets that have no number of their own, as systemd/gadget.sh sets them."""
PRODUCT: Final = "Tombola"


class Port(Protocol):
    """What pyserial tells of a port.

    A minimal one:

    >>> @dataclass
    ... class Fake:
    ...     device: str = "/dev/ttyACM0"
    ...     vid: int | None = 0x1D6B
    ...     pid: int | None = 0x0104
    ...     product: str | None = "Tombola"
    >>> port: Port = Fake()
    >>> is_instrument(port)
    True
    """

    device: str
    vid: int | None
    pid: int | None
    product: str | None


def find_port(ports: Callable[[], Iterable[Port]] = list_ports.comports) -> str:
    """The port of the one instrument that is plugged in, such as ``/dev/ttyACM0``.

    Args:
        ports: Lists the serial ports of this computer.

    Raises:
        DeviceUnavailable: There is no instrument, or there are several; the message lists the ports.
    """
    every = list(ports())
    found = sorted(port.device for port in every if is_instrument(port))
    if len(found) == 1:
        return found[0]
    if found:
        raise DeviceUnavailable(f"{len(found)} instruments are plugged in: {', '.join(found)}; choose one with --port")
    others = ", ".join(sorted(port.device for port in every))
    seen = f"; the serial ports here are {others}" if others else ", nor any other serial port"
    raise DeviceUnavailable(
        f"no instrument was found on USB{seen}; plug the instrument in, or name its port with --port"
    )


def is_instrument(port: Port) -> bool:
    """Whether a port is an instrument's."""
    # Other gadgets have the same numbers, so the name decides; Windows does not tell it.
    return (port.vid, port.pid) == (VENDOR_ID, PRODUCT_ID) and port.product in (PRODUCT, None)
