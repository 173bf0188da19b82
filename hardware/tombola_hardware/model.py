"""The circuit as data: kinds of parts, parts, the nets between them. Pure; knows nothing of KiCad's files.

A `Kind` is what is bought, with its pins as its datasheet numbers them. A `Part` is one of them on a board, with the
net of each pin. Everything else (drawing, SPICE, bill of materials, pin map) reads these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tombola_hardware.errors import BadBoard

NC: Final = ""
"""The net of a pin that is left open on purpose."""
GPIO_NUMBERS: Final = range(28)
CLAIMED: Final = {
    0: "HAT EEPROM",
    1: "HAT EEPROM",
    2: "I2C1",
    3: "I2C1",
    7: "SPI0",
    8: "SPI0",
    9: "SPI0",
    10: "SPI0",
    11: "SPI0",
    14: "UART0",
    15: "UART0",
    18: "I2S",
    19: "I2S",
    20: "I2S",
    21: "I2S",
}
"""GPIOs that an overlay takes. Source: the overlays' README of the Raspberry Pi kernel."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What a part bears; None where it does not matter.

    Args:
        volts: Between any two of its pins.
        amps: Through it, lasting.
        watts: Of heat, lasting, at 70 °C.
    """

    volts: float | None = None
    amps: float | None = None
    watts: float | None = None


@dataclass(frozen=True, slots=True)
class Spice:
    """One element of a SPICE deck.

    Args:
        letter: Its kind in SPICE: R C L D Q X …
        model: Value, model or subcircuit.
        pins: Pins in the order that SPICE wants, by name or number.
        suffix: Set apart the elements of a part that is several, such as a double op-amp.
    """

    letter: str
    model: str
    pins: tuple[str, ...]
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is bought: one line of the bill of materials.

    Args:
        symbol: In KiCad's libraries, ``Library:Name``.
        value: As it is drawn: ``100k``, ``TL072``.
        footprint: In KiCad's libraries; empty for what no pad holds, such as a screw.
        pins: Number to name, from the datasheet. Several may have one name.
        maker: Who makes it.
        number: The maker's own number for it.
        cost_usd: Estimate for ten boards; the bill of materials says of when.
        alternatives: Other numbers that fit as they are.
        rating: What it bears.
        spice: Its elements in SPICE; none for connectors and for what is digital.
        source: Datasheet that the pins are from.
    """

    symbol: str
    value: str
    footprint: str
    pins: Mapping[str, str]
    maker: str
    number: str
    cost_usd: float
    alternatives: tuple[str, ...] = ()
    rating: Rating = field(default_factory=Rating)
    spice: tuple[Spice, ...] = ()
    source: str = ""

    def numbers(self, pin: str) -> tuple[str, ...]:
        """Numbers of the pins that are meant by a number or a name; none if there is no such pin."""
        if pin in self.pins:
            return (pin,)
        return tuple(number for number, name in self.pins.items() if name == pin)


@dataclass(frozen=True, slots=True)
class Part:
    """One part on a board.

    Args:
        reference: ``R12``.
        kind: What it is.
        nets: Pin (number, or name for all pins that have it) to net; NC for pins left open.
        board: Which board it is soldered to: ``main`` or ``control``.
    """

    reference: str
    kind: Kind
    nets: Mapping[str, str]
    board: str = "main"

    def net(self, pin: str) -> str:
        """The net at a pin.

        Raises:
            BadBoard: There is no such pin, or its name stands for pins on several nets.
        """
        connected = self.connections()
        found = {connected[number] for number in self.kind.numbers(pin) if number in connected}
        if len(found) != 1:
            what = "is on several nets" if found else "does not exist or is not connected"
            raise BadBoard(
                f"pin {pin} of {self.reference} ({self.kind.value}) {what}; its pins are {_listed(self.kind)}"
            )
        return found.pop()

    def connections(self) -> dict[str, str]:
        """Number of each pin to its net, NC included.

        Raises:
            BadBoard: A pin is unknown, connected twice or not mentioned.
        """
        found: dict[str, str] = {}
        where = f"{self.reference} ({self.kind.value})"
        for pin, net in self.nets.items():
            numbers = self.kind.numbers(pin)
            if not numbers:
                raise BadBoard(f"{where} has no pin {pin}; its pins are {_listed(self.kind)}")
            for number in numbers:
                if number in found:
                    raise BadBoard(
                        f"pin {number} of {where} is connected twice, to {found[number]} and {net}; keep one"
                    )
                found[number] = net
        for number, name in self.kind.pins.items():
            if number not in found:
                raise BadBoard(f"pin {number} ({name}) of {where} goes nowhere; give it a net, or NC to leave it open")
        return found


def spice_node(net: str, alone: str = "nc") -> str:
    """What SPICE may call a net: it takes no sign at the front; ``alone`` names a pin that is left open."""
    if net == "GND":
        return "0"
    if net == NC:
        return f"nc_{alone}".lower()
    return net.replace("+", "p").replace("-", "m").replace("/", "_").lower()


@dataclass(frozen=True, slots=True)
class Board:
    """A whole circuit, of one variant.

    Args:
        name: ``tombola`` or ``tombola-desktop``.
        revision: Of the circuit.
        parts: All of them, on all its boards.
        gpio: Name of what is wired to a GPIO, to its number.
    """

    name: str
    revision: str
    parts: tuple[Part, ...]
    gpio: Mapping[str, int] = field(default_factory=dict)

    def part(self, reference: str) -> Part:
        """The part with a reference.

        Raises:
            BadBoard: There is none.
        """
        for part in self.parts:
            if part.reference == reference:
                return part
        raise BadBoard(f"{self.name} has no part {reference}; see its sheets")

    def nets(self) -> dict[str, frozenset[tuple[str, str]]]:
        """Each net to its pins, as (reference, number).

        Raises:
            BadBoard: See Part.connections.
        """
        found: dict[str, set[tuple[str, str]]] = {}
        for part in self.parts:
            for number, net in part.connections().items():
                if net != NC:
                    found.setdefault(net, set()).add((part.reference, number))
        return {net: frozenset(pins) for net, pins in sorted(found.items())}

    def check(self) -> None:
        """See that the description holds together.

        Raises:
            BadBoard: The first thing that does not.
        """
        for fault in self.faults():
            raise BadBoard(fault)

    def faults(self) -> Iterator[str]:
        """All that does not hold together, a sentence each."""
        yield from _twice("reference", (part.reference for part in self.parts))
        for part in self.parts:
            if not part.kind.footprint:
                yield f"{part.reference} ({part.kind.value}) has no footprint; name one of KiCad's"
            try:
                part.connections()
            except BadBoard as error:
                yield str(error)
                return
        for net, pins in self.nets().items():
            if len(pins) == 1:
                reference, number = next(iter(pins))
                yield f"net {net} has only pin {number} of {reference}; connect it to something, or NC to leave it open"
        yield from self._gpio_faults()

    def _gpio_faults(self) -> Iterator[str]:
        nets = self.nets()
        for name, number in self.gpio.items():
            if number not in GPIO_NUMBERS:
                yield f"{name} is wired to GPIO {number}, which the header does not have; take one of 0 to 27"
            elif number in CLAIMED and not _is_its_own(name, CLAIMED[number]):
                yield f"{name} is wired to GPIO {number}, which {CLAIMED[number]} takes; take a free one"
            elif f"GPIO{number}" not in name and name not in nets:
                yield f"{name} has GPIO {number} but no net of that name; wire it, or take it off the list"
        yield from _twice("GPIO", (str(number) for number in self.gpio.values()))


def by_channel(converter: str, used: Iterable[tuple[int, str, str]]) -> dict[int, str]:
    """Net of each channel.

    Args:
        converter: Whose, for the sentence.
        used: Channel, the control on it, the net that goes there.

    Raises:
        BadBoard: Two controls are on one channel.
    """
    nets: dict[int, str] = {}
    controls: dict[int, str] = {}
    for channel, control, net in used:
        if channel in controls:
            raise BadBoard(
                f"{controls[channel]} and {control} are both on channel {channel} of {converter}; give one a free "
                "channel in instrument.py"
            )
        controls[channel], nets[channel] = control, net
    return nets


def _is_its_own(name: str, claimed_by: str) -> bool:
    """The UART is the one bus whose pins the pin map lists: the daemon opens it by name, people look for its pins."""
    return claimed_by == "UART0" and name.startswith("MIDI_")


def _twice(what: str, used: Iterable[str]) -> Iterator[str]:
    for name, count in sorted(Counter(used).items()):
        if count > 1:
            yield f"{what} {name} is used {count} times; each may be used once"


def _listed(kind: Kind) -> str:
    return ", ".join(number if number == name else f"{number} {name}" for number, name in kind.pins.items())
