"""What the parts get, from the board's own values: currents, levels, addresses, enables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tombola_hardware.model import NC, Board, Part
from tombola_hardware.oracle.domains import GPIO_VOLTS, volts
from tombola_hardware.oracle.network import Element, Network, elements

PI_PULL_UP_OHM: Final = 50e3
"""Of GPIO 0 to 8 until the daemon runs. Source: BCM2711 ARM peripherals, table of pulls, from memory."""
HIGHEST: Final = {
    "+12V": 12.6,
    "+5V": 5.25,
    "+3.3V": 3.45,
    "+3.3VA": 3.4,
    "P3_AUDIO": 3.4,
    "VREF": 3.0,
    "USB_VBUS": 5.5,
}
"""Rails at their most."""
SUPPLIES: Final[dict[str, tuple[tuple[str, float, float], ...]]] = {
    # Value: pin of the supply, least and most volts. From the datasheets that golden.py names.
    "MCP3208-B": (("VDD", 2.7, 5.5), ("VREF", 0.25, 5.5)),
    "AD7689B": (("VDD", 2.3, 5.5), ("VIO", 1.8, 3.6), ("REF", 0.5, 3.6)),
    "MCP6004": (("V+", 1.8, 6.0),),
    "MCP4728": (("VDD", 2.7, 5.5),),
    "PCM5102A": (("AVDD", 3.0, 3.46), ("CPVDD", 3.0, 3.46), ("DVDD", 1.65, 3.46)),
    "REF5030": (("VIN", 3.2, 18.0),),
    "AP2112K-3.3": (("VIN", 3.6, 6.0),),
    "24LC32A": (("VCC", 2.5, 5.5),),
    "PCA9685PW": (("VDD", 2.3, 5.5),),
    "H11L1": (("VCC", 3.0, 15.0),),
    "74LVC1G17": (("VCC", 1.65, 5.5),),
    "74AHCT1G125": (("VCC", 4.5, 5.5),),
    "TPS3808G01": (("VDD", 1.7, 6.5),),
    "RPM5.0-3.0": (("VIN", 6.0, 15.0),),
}
DRIVEN: Final = {
    # Value: pins that rise to a supply, and which.
    "MCP3208-B": (("DOUT",), "VDD"),
    "AD7689B": (("SDO",), "VIO"),
    "74LVC1G17": (("Y",), "VCC"),
    "74AHCT1G125": (("Y",), "VCC"),
    "PCA9685PW": (tuple(f"LED{number}" for number in range(16)), "VDD"),
}
NOMINAL: Final = {
    "+5V": 5.0,
    "P5_QUIET": 4.9,
    "+3.3V": 3.3,
    "+3.3VA": 3.3,
    "P3_AUDIO": 3.3,
    "VREF": 3.0,
    "P12_SOFT": 11.6,
}
ADDRESSES: Final = {"24LC32A": (0x50, ("A0", "A1", "A2")), "PCA9685PW": (0x40, tuple(f"A{bit}" for bit in range(6)))}
"""Value: address with all straps at ground, and the straps, lowest first. What the firmware's pin map says."""
TIED: Final = (
    # Value, pin, net: what switches a chip on.
    ("MCP4728", "~LDAC", "GND", "its outputs would never change (DS22187E, 4.8)"),
    ("PCA9685PW", "~OE", "GND", "the lamps would stay dark (PCA9685, 7.4)"),
    ("24LC32A", "WP", "GND", "the calibration could not be written (DS21072, 2.4)"),
    ("TPS3808G01", "~MR", "+3.3V", "PWR_FAIL would stay low (SBVS050)"),
    ("PCM5102A", "FMT", "GND", "it would not take I²S (SLAS859C, 9.3)"),
    ("PCM5102A", "SCK", "GND", "its PLL would not make the clock (SLAS859C, 9.3.5)"),
)
PI_DRIVES: Final = {
    "7": "AUDIO_MUTE",
    "8": "TXD",
    "12": "PCM clock",
    "19": "MOSI",
    "23": "SPI clock",
    "24": "CE0",
    "26": "CE1",
    "35": "PCM frame",
    "36": "GATE_OUT",
    "40": "PCM out",
}
PI_LISTENS: Final = {"10": "RXD", "21": "MISO"}
"""Pins of the header and what the Pi's peripherals are there. Source: BCM2711 ARM peripherals, from memory."""
TALKS: Final = {"MCP3208-B": "DOUT", "AD7689B": "SDO", "H11L1": "VO", "TPS3808G01": "~RESET"}
"""Value: the pin with which a chip drives a line of the Pi's."""
LAMP_AMPS: Final = (1.5e-3, 10e-3)
"""Seen in daylight … what a PCA9685 sources (NXP PCA9685, 1). Two volts are left over a die's resistor at most."""
DIE_VOLTS: Final = {"RED": 1.8, "GREEN": 2.0}
MIDI_AMPS: Final = (3.5e-3, 10e-3)
"""A loop of 5 mA; an H11L1 switches at 1.6 mA (H11L3M/D)."""
DIODE_VOLTS: Final = 1.2
OTHER_SIDE_OHM: Final = 220.0
TRIP_VOLTS: Final = (9.6, 10.7)
"""Below the 11.0 V that a case may have, above what the buck needs."""
SENSE_VOLTS: Final = 0.405


def faults(board: Board) -> list[str]:
    """A sentence for each circuit that gets what it must not."""
    parts = list(elements(board))
    network = Network(parts)
    of_board = [*_supplies(board), *_driven(board), *_directions(board), *_straps(board), *_lamps(board, parts)]
    levels = [*_midi(parts), *_mute(parts), *_power_fail(board, network)]
    return [*_gpio(board, network), *of_board, *levels, *_connectors(board)]


def _gpio(board: Board, network: Network) -> Iterator[str]:
    """Volts that resistors bring to a pin of the Pi when nobody drives it."""
    for number, net in sorted(board.part("J21").connections().items(), key=lambda pin: int(pin[0])):
        if net in {NC, "GND", "+5V", "+3.3V"} or net.startswith("+"):
            continue
        high = network.volts(net, dict(HIGHEST)).real
        if high > GPIO_VOLTS:
            yield (
                f"pin {number} of the header ({net}) gets {high:.2f} V but bears {GPIO_VOLTS:g}; "
                "divide it, or pull it to 3.3 V"
            )


def _supplies(board: Board) -> Iterator[str]:
    for part in board.parts:
        for pin, low, high in SUPPLIES.get(part.kind.value, ()):
            for number in part.kind.numbers(pin):
                net = part.connections()[number]
                level = NOMINAL.get(net, 0.0)
                if not low <= level <= high:
                    yield (
                        f"{part.reference} ({part.kind.value}) has {level:g} V ({net or 'nothing'}) at {pin}, but "
                        f"wants {low:g} … {high:g}; put it on another rail"
                    )


def _driven(board: Board) -> Iterator[str]:
    """A chip's output must not rise above what the net that it drives may have."""
    for part in board.parts:
        if part.kind.value not in DRIVEN:
            continue
        outs, supply = DRIVEN[part.kind.value]
        connected = part.connections()
        level = NOMINAL.get(connected[part.kind.numbers(supply)[0]], 0.0)
        for out in outs:
            net = connected[part.kind.numbers(out)[0]]
            bears = volts(net) if net else None
            if bears is not None and level > bears[1]:
                yield (
                    f"{part.reference} ({part.kind.value}) drives {net} to {level:g} V, which bears {bears[1]:g}; "
                    "feed it from 3.3 V"
                )


def _directions(board: Board) -> Iterator[str]:
    """What the Pi drives nobody else drives, and where it listens somebody talks."""
    talkers: dict[str, str] = {}
    for part in board.parts:
        if part.kind.value in TALKS:
            talkers[part.connections()[part.kind.numbers(TALKS[part.kind.value])[0]]] = part.reference
    header = board.part("J21").connections()
    for pin, what in PI_DRIVES.items():
        if header[pin] in talkers:
            yield (
                f"pin {pin} of the header ({what}) and {talkers[header[pin]]} both drive {header[pin]}; swap it with "
                "the line that the Pi listens to"
            )
    for pin, what in PI_LISTENS.items():
        if header[pin] not in talkers:
            yield f"pin {pin} of the header ({what}) listens to {header[pin] or 'nothing'}, where no chip talks"


def _straps(board: Board) -> Iterator[str]:
    for part in board.parts:
        connected = part.connections()
        for value, pin, net, otherwise in TIED:
            if part.kind.value == value and (found := connected[part.kind.numbers(pin)[0]]) != net:
                yield f"{part.reference} ({value}) has {pin} on {found or 'nothing'} instead of {net}; {otherwise}"
        if part.kind.value in ADDRESSES:
            base, straps = ADDRESSES[part.kind.value]
            nets = [connected[part.kind.numbers(strap)[0]] for strap in straps]
            address = base + sum(1 << bit for bit, net in enumerate(nets) if net != "GND")
            if address != base:
                yield (
                    f"{part.reference} ({part.kind.value}) answers at 0x{address:02x} of I²C, but the firmware asks at "
                    f"0x{base:02x}; ground its straps"
                )


def _lamps(board: Board, parts: list[Element]) -> Iterator[str]:
    feeding = {net: part for part in parts if part.letter == "R" for net in part.nets}
    for part in board.parts:
        if not part.kind.value.startswith("red/green"):
            continue
        for pin, colour in (("1", "RED"), ("3", "GREEN")):
            series = feeding.get(part.connections()[pin])
            amps = (3.6 - DIE_VOLTS[colour]) / series.value if series else 1.0
            if not LAMP_AMPS[0] <= amps <= LAMP_AMPS[1]:
                what = series.reference if series else "no resistor"
                yield (
                    f"{part.reference} gets {amps * 1e3:.2g} mA in its {colour.lower()} die through {what}, but wants "
                    f"{LAMP_AMPS[0] * 1e3:g} … {LAMP_AMPS[1] * 1e3:g} mA; take another resistor"
                )


def _ohm(parts: list[Element], one: str, other: str) -> float:
    return sum(part.value for part in parts if part.letter == "R" and set(part.nets) == {one, other})


def _midi(parts: list[Element]) -> Iterator[str]:
    out = _ohm(parts, "MIDI_DRIVE", "MIDI_OUT_5") + _ohm(parts, "+3.3V", "MIDI_OUT_4") + OTHER_SIDE_OHM
    into = _ohm(parts, "MIDI_IN_4", "MIDI_LED") + 2 * OTHER_SIDE_OHM
    for name, amps in (("OUT", (3.3 - DIODE_VOLTS) / out), ("IN", (5.0 - DIODE_VOLTS) / into)):
        if not MIDI_AMPS[0] <= amps <= MIDI_AMPS[1]:
            yield (
                f"MIDI {name} has a loop of {amps * 1e3:.2g} mA, but MIDI wants {MIDI_AMPS[0] * 1e3:g} … "
                f"{MIDI_AMPS[1] * 1e3:g} mA (CA-033); see its resistors"
            )


def _mute(parts: list[Element]) -> Iterator[str]:
    down = _ohm(parts, "AUDIO_MUTE", "GND") or float("inf")
    level = 3.3 * down / (down + PI_PULL_UP_OHM) if down < float("inf") else 3.3
    if level > 0.99:
        yield (
            f"AUDIO_MUTE stands at {level:.2f} V while the Pi boots and pulls it up, but mutes only below 0.99 V "
            "(SLAS859C); pull it down with 10 kΩ"
        )


def _power_fail(board: Board, network: Network) -> Iterator[str]:
    if "P12_SENSE" not in board.nets():
        return
    share = network.volts("P12_SENSE", {"+12V": 1.0}).real
    trips = SENSE_VOLTS / share if share > 1e-6 else float("inf")
    if not TRIP_VOLTS[0] <= trips <= TRIP_VOLTS[1]:
        yield (
            f"PWR_FAIL trips at {trips:.1f} V, but wants {TRIP_VOLTS[0]:g} … {TRIP_VOLTS[1]:g}; "
            "see the divider before the supervisor"
        )


def _connectors(board: Board) -> Iterator[str]:
    """Between the boards: pin for pin the same, and each net that is on both goes across."""
    plugs = {part.reference: part for part in board.parts if part.reference[:2] == "J1" and len(part.reference) == 4}
    across: set[str] = set()
    for reference, one in plugs.items():
        other = plugs.get(reference[:3] + "2")
        if reference.endswith("1") and other:
            across |= set(one.connections().values())
            yield from _unlike(one, other)
    boards: dict[str, set[str]] = {}
    for part in board.parts:
        if part.reference not in plugs:
            for net in part.connections().values():
                boards.setdefault(net, set()).add(part.board)
    for net, on in sorted(boards.items()):
        if len(on) > 1 and net not in {NC, *across}:
            yield f"net {net} is on both boards but on no pin of the connectors between them; see interconnect.py"


def _unlike(one: Part, other: Part) -> Iterator[str]:
    there = other.connections()
    for number, net in one.connections().items():
        if there.get(number) != net:
            yield (
                f"pin {number} carries {net} on {one.reference} but {there.get(number)} on {other.reference}, into "
                "which it is plugged; give both the same net"
            )
