"""Golden tables of the chips: the net of every pin, in the order of the datasheet's pins, typed apart from the sheets.

Nothing here is read from the sheets, the kinds or the instrument: a row that is wrong in both places was wrong twice.
``TEXT`` marks rows whose pin-out was read in a copy of the document while this was typed, ``MEMORY`` those for which no
copy could be had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

OPEN: Final = "-"
"""A pin that stays open."""
TEXT, MEMORY = False, True


@dataclass(frozen=True, slots=True)
class Chip:
    """One part and where each of its pins goes.

    Args:
        reference: Of the part.
        what: It is.
        source: Document and table.
        from_memory: No copy of the document could be had.
        pins: Number to net; OPEN for one that stays open.
    """

    reference: str
    what: str
    source: str
    from_memory: bool
    pins: dict[str, str]


def _in_order(nets: str) -> dict[str, str]:
    return {str(index + 1): net for index, net in enumerate(nets.split())}


def _chip(reference: str, what: str, source: str, from_memory: bool, nets: str) -> Chip:  # noqa: FBT001 - a column
    return Chip(reference, what, source, from_memory, _in_order(nets))


_HEADER: Final = (
    "+3.3V +5V SDA +5V SCL GND AUDIO_MUTE MIDI_TX GND MIDI_RX ENC_SW I2S_BCK - GND ENC_A ENC_B +3.3V SHIFT SPI_MOSI "
    "GND SPI_MISO SAVE SPI_SCLK CS_KNOBS GND CS_CV - - GATE_IN GND TRIG_IN CLOCK_IN {power_fail} GND I2S_LRCK GATE_OUT "
    "VBUS_SENSE - GND I2S_DATA"
)
"""Pins 1 to 40. GPIO 20 (pin 38) is the Pi's PCM input, GPIO 21 (pin 40) its PCM output: the DAC listens to 21."""
_BUCK: Final = (
    ("A1 A2", "P12_SOFT"),
    ("A5 B5 C5", "+5V"),
    ("A3 A4 B1 B2 B3 B4 C2 C3 C4 D2 D3 D4 D5 E3 E4", "GND"),
    ("C1", "BUCK_CTRL"),
    ("D1 E1 E2 E5", OPEN),
)
_QUADS: Final = (("U31", ("V_OCT", "CV_X", "CV_Y", "CV_1")), ("U32", ("CV_2", "CV_3", "", "")))
_CV_JACKS: Final = ("V_OCT", "CV_X", "CV_Y", "CV_1", "CV_2", "CV_3")
_GATES: Final = ("GATE_IN", "TRIG_IN", "CLOCK_IN")


def _quad(reference: str, names: tuple[str, str, str, str]) -> Chip:
    nets: list[tuple[str, str, str]] = []
    for index, name in enumerate(names):
        bias = "BIAS_PITCH" if name == "V_OCT" else "BIAS_CV"
        spare = f"SPARE_{4 + index}"
        nets.append((f"{name}_AMP", f"{name}_SUM", bias) if name else (spare, spare, bias))
    (oa, na, pa), (ob, nb, pb), (oc, nc, pc), (od, nd, pd) = nets
    order = (oa, na, pa, "+3.3VA", pb, nb, ob, oc, nc, pc, "GND", pd, nd, od)
    source = "Microchip DS21733, package types, 14 pins"
    return _chip(reference, "quad amplifier MCP6004", source, MEMORY, " ".join(order))


def _dual(reference: str, first: str, second: str, plus: str) -> Chip:
    return _chip(
        reference,
        "dual amplifier OPA1678",
        "TI SBOS855, pin configuration, D package",
        MEMORY,
        f"{first}_AMP {first}_SUM {plus.format(first)} -12V {plus.format(second)} {second}_SUM {second}_AMP +12V",
    )


def _both() -> Iterator[Chip]:
    """What the module and the desktop both have."""
    knobs = " ".join(f"KNOB_{number}" for number in range(1, 9))
    spi = "GND {} SPI_MOSI SPI_MISO SPI_SCLK GND VREF +3.3VA"
    yield _chip(
        "U91", "converter MCP3208", "Microchip DS21298E, package types", TEXT, f"{knobs} {spi.format('CS_KNOBS')}"
    )
    volts = " ".join(f"ADC_{name}" for name in _CV_JACKS[:4])
    fine = (
        "+3.3VA VREF ADC_REFIN GND GND ADC_CV_2 ADC_CV_3 GND GND GND CS_CV SPI_MOSI SPI_SCLK SPI_MISO +3.3VA {} +3.3VA "
        "GND"
    )
    yield _chip("U92", "converter AD7689", "Analog Devices AD7682/AD7689, table 6", MEMORY, fine.format(volts))
    yield _chip("U93", "reference REF5030", "TI SBOS410E, page 1", TEXT, "- P5_QUIET - GND VREF_NR VREF - -")
    yield _chip("U12", "regulator AP2112K", "Diodes AP2112, pin descriptions", MEMORY, "P5_QUIET GND P5_QUIET - +3.3VA")
    yield _chip(
        "U14", "regulator AP2112K", "Diodes AP2112, pin descriptions", MEMORY, "P5_QUIET GND P5_QUIET - P3_AUDIO"
    )
    yield _chip(
        "U21", "memory 24LC32A at 0x50", "Microchip DS21072, table 2-1", MEMORY, "GND GND GND GND SDA SCL GND +3.3V"
    )
    yield _chip(
        "U61",
        "audio DAC PCM5102A",
        "TI SLAS859C, table 1 (pin functions)",
        MEMORY,
        "P3_AUDIO PUMP_P GND PUMP_M VNEG OUT_L OUT_R P3_AUDIO GND GND GND GND I2S_BCK I2S_DATA I2S_LRCK GND XSMT LDOO "
        "GND P3_AUDIO",
    )
    yield _chip("U41", "buffer 74AHCT1G125", "TI SCLS378F, page 1", TEXT, "GND GATE_OUT GND GATE_OUT_DRIVE +5V")
    yield _chip(
        "U71", "optocoupler H11L1M", "onsemi H11L3M/D, schematic", TEXT, "MIDI_LED MIDI_IN_5 - MIDI_RX GND +3.3V"
    )
    yield _chip("U72", "buffer 74LVC1G17", "TI SCES351, pin functions", MEMORY, "- MIDI_TX GND MIDI_DRIVE +3.3V")
    yield _chip("U81", "guard USBLC6-2", "ST USBLC6-2, figure 1", MEMORY, "USB_DP GND USB_DM USB_DM USB_VBUS USB_DP")
    lamps = [f"LAMP_{1 + number // 2}_{'GREEN' if number % 2 else 'RED'}" for number in range(16)]
    yield _chip(
        "U82",
        "lamp driver PCA9685 at 0x40",
        "NXP PCA9685, table 2 (TSSOP28); two tables that others typed agree",
        MEMORY,
        f"GND GND GND GND GND {' '.join(lamps[:8])} GND {' '.join(lamps[8:])} GND GND GND SCL SDA +3.3V",
    )
    yield from (_quad(reference, names) for reference, names in _QUADS)
    yield _chip("C18", "electrolytic, 1 is its plus", "Panasonic FK series", MEMORY, "+5V GND")
    yield from _small()


def _small() -> Iterator[Chip]:
    """Transistors, diodes, pots, switches, sockets."""
    for number, name in enumerate(_CV_JACKS, 1):
        yield _chip(f"D3{number}1", "clamp BAV199", "Nexperia BAV199, table 2", MEMORY, f"GND +3.3VA {name}_SUM")
        yield Chip(f"J3{number}", "input", "QingPu PJ398SM", MEMORY, {"S": "GND", "T": f"{name}_JACK", "TN": "GND"})
    for number, name in enumerate(_GATES, 1):
        yield _chip(f"Q4{number}1", "transistor MMBT3904", "onsemi MMBT3904LT1/D", MEMORY, f"{name}_BASE GND {name}")
        yield Chip(f"D4{number}1", "diode 1N4148W", "Diodes DS30086", MEMORY, {"1": f"{name}_BASE", "2": "GND"})
        yield Chip(f"J4{number}", "input", "QingPu PJ398SM", MEMORY, {"S": "GND", "T": f"{name}_JACK", "TN": "GND"})
    for reference, name in (("J55", "GATE_OUT"), ("J61", "AUDIO_L"), ("J62", "AUDIO_R")):
        yield Chip(reference, "output", "QingPu PJ398SM", MEMORY, {"S": "GND", "T": f"{name}_JACK", "TN": OPEN})
    # RP-054: tip is DIN 5 (driven), ring is DIN 4 (current source); the sleeve of an input stays open.
    yield Chip("J71", "MIDI in", "MIDI RP-054", MEMORY, {"T": "MIDI_IN_5", "R": "MIDI_IN_4", "S": OPEN})
    yield Chip("J72", "MIDI out", "MIDI RP-054", MEMORY, {"T": "MIDI_OUT_5", "R": "MIDI_OUT_4", "S": "GND"})
    yield Chip("D71", "diode across the optocoupler", "MIDI CA-033", MEMORY, {"1": "MIDI_LED", "2": "MIDI_IN_5"})
    for number in range(1, 9):
        yield _chip(f"RV{number}", "knob, 3 is clockwise", "Alpha RD901F", MEMORY, f"GND KNOB_{number} VREF")
        yield _chip(
            f"D8{number}", "lamp, common cathode", "Kingbright WP3VEGW", MEMORY, f"8{number}_A1 GND 8{number}_A2"
        )
    encoder = {"A": "ENC_A", "B": "ENC_B", "C": "GND", "S1": "ENC_SW", "S2": "GND"}
    yield Chip("SW1", "encoder", "Alps EC11E", MEMORY, encoder)
    yield Chip("SW2", "button", "a switch of two legs", MEMORY, {"1": "SHIFT", "2": "GND"})
    yield Chip("SW3", "button", "a switch of two legs", MEMORY, {"1": "SAVE", "2": "GND"})
    yield _chip("J81", "display module, 4 pins", "seller's drawing of a 1.3 inch SH1106", MEMORY, "GND +3.3V SCL SDA")
    yield Chip("J82", "USB-C receptacle", "USB Type-C, table 3-4 (receptacle, USB 2.0)", MEMORY, {
        **dict.fromkeys(("A1", "A12", "B1", "B12", "S1"), "GND"), **dict.fromkeys(("A4", "A9", "B4", "B9"), "USB_VBUS"),
        "A5": "USB_CC1", "B5": "USB_CC2", "A6": "USB_DP", "B6": "USB_DP", "A7": "USB_DM", "B7": "USB_DM",
        "A8": OPEN, "B8": OPEN})  # fmt: skip
    yield _chip("J83", "cable to the Pi's USB-C", "our own", MEMORY, "USB_DM USB_DP GND")
    yield _chip("J21", "Raspberry Pi header", "Raspberry Pi documentation, 40-pin header", TEXT, "")


def _module_only() -> Iterator[Chip]:
    yield _chip("J11", "Eurorack power", "Doepfer A-100 technical details", MEMORY,
                "M12_IN M12_IN GND GND GND GND GND GND P12_IN P12_IN")  # fmt: skip
    buck = {pin: net for pins, net in _BUCK for pin in pins.split()}
    yield Chip("U11", "buck RPM5.0-3.0", "RECOM RPM-3.0, pin connections", MEMORY, buck)
    yield _chip("U13", "supervisor TPS3808G01", "TI SBVS050, pin functions", MEMORY,
                "PWR_FAIL GND +3.3V - P12_SENSE +3.3V")  # fmt: skip
    yield _chip("U51", "DAC MCP4728 at 0x60", "Microchip DS22187E, table 3-1", MEMORY,
                "+3.3VA SCL SDA GND - DAC_CV_A DAC_CV_B - - GND")  # fmt: skip
    yield _dual("U52", "CV_A", "CV_B", "DAC_{}")
    yield _dual("U62", "AUDIO_L", "AUDIO_R", "{}_DAC")
    yield _chip("Q11", "P-channel AO3401A", "AOS AO3401A", MEMORY, "SOFT +12V P12_SOFT")
    yield _chip("Q12", "transistor MMBT3906", "onsemi MMBT3906LT1/D", MEMORY, "HOLD_P +12V HOLD_C")
    yield _chip("Q13", "transistor MMBT3904", "onsemi MMBT3904LT1/D", MEMORY, "HOLD_N GND BUCK_CTRL")
    for reference, cathode, anode in (
        ("D11", "+12V", "P12_FUSED"),
        ("D12", "M12_FUSED", "-12V"),
        ("D13", "+12V", "GND"),
        ("D14", "GND", "-12V"),
        ("D61", "PWR_FAIL", "XSMT"),
    ):
        yield Chip(reference, "diode, 1 is its cathode", "its maker's marking", MEMORY, {"1": cathode, "2": anode})
    for reference, name in (("J51", "CV_A"), ("J52", "CV_B")):
        yield Chip(reference, "output", "QingPu PJ398SM", MEMORY, {"S": "GND", "T": f"{name}_JACK", "TN": OPEN})


def _desktop_only() -> Iterator[Chip]:
    yield Chip("J12", "USB-C receptacle for power", "USB Type-C, table 3-4", MEMORY, {
        **dict.fromkeys(("A1", "A12", "B1", "B12", "S1"), "GND"), **dict.fromkeys(("A4", "A9", "B4", "B9"), "P5_IN"),
        "A5": "POWER_CC1", "B5": "POWER_CC2", **dict.fromkeys(("A6", "B6", "A7", "B7", "A8", "B8"), OPEN)})  # fmt: skip


def chips(variant: str) -> list[Chip]:
    """The golden rows of ``tombola`` or ``tombola-desktop``."""
    module = variant == "tombola"
    found = [*_both(), *(_module_only() if module else _desktop_only())]
    header = _HEADER.format(power_fail="PWR_FAIL" if module else OPEN)
    return [Chip(chip.reference, chip.what, chip.source, chip.from_memory, _in_order(header))
            if chip.reference == "J21" else chip for chip in found]  # fmt: skip


def counts(variant: str) -> tuple[int, int]:
    """How many pins have a row, and how many of those are from memory."""
    rows = chips(variant)
    return sum(len(chip.pins) for chip in rows), sum(len(chip.pins) for chip in rows if chip.from_memory)
