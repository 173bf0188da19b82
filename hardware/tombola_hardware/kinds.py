"""What is bought: each kind of part once, with the pins of its datasheet.

Makers' numbers follow their ordering codes and prices are estimates for ten boards of November 2026; neither was
checked against a distributor's stock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tombola_hardware.model import Kind, Rating, Spice

TWO: Final = {"1": "1", "2": "2"}
R_0805: Final = "Resistor_SMD:R_0805_2012Metric"
R_1206: Final = "Resistor_SMD:R_1206_3216Metric"
C_0805: Final = "Capacitor_SMD:C_0805_2012Metric"
C_1206: Final = "Capacitor_SMD:C_1206_3216Metric"
SOIC: Final = "Package_SO:SOIC-{}_3.9x{}mm_P1.27mm"


def _code(value: str) -> str:
    """``4.7k`` with the unit for a point: ``4K7``."""
    unit = value[-1] if value[-1] in "kM" else "R"
    whole, _, fraction = value.rstrip("kMR").partition(".")
    return f"{whole}{unit.upper()}{fraction}"


def _four_places(value: str) -> str:
    """The same in four places, as Vishay orders: ``4K70``."""
    return _code(value).ljust(4, "0")


def _four_digits(value: str) -> str:
    """Three digits and the number of zeros after them, as Panasonic orders: ``4701``."""
    ohm = round(float(value.rstrip("kMR")) * {"k": 1e3, "M": 1e6}.get(value[-1], 1.0))
    zeros = len(str(ohm)) - 3
    return f"{str(ohm)[:3]}{zeros}"


def resistor(value: str) -> Kind:
    """1 %, 100 ppm/K, 1/8 W."""
    return Kind(
        "Device:R",
        value,
        R_0805,
        TWO,
        "Yageo",
        f"RC0805FR-07{_code(value)}L",
        0.01,
        alternatives=(f"Vishay CRCW0805{_four_places(value)}FKEA",),
        rating=Rating(volts=150, watts=0.125),
        spice=(Spice("R", value, ("1", "2")),),
        source="Yageo RC series",
    )


def precision_resistor(value: str) -> Kind:
    """0.1 %, 5 ppm/K thin film: for what decides the pitch."""
    return Kind(
        "Device:R",
        value,
        R_0805,
        TWO,
        "Vishay",
        f"TNPU0805{_four_places(value)}BZEN00",
        0.95,
        alternatives=(f"Susumu RG2012V, {value}, 0.05 %",),
        rating=Rating(volts=150, watts=0.125),
        spice=(Spice("R", value, ("1", "2")),),
        source="Vishay TNPU e3, document 28779",
    )


def strong_resistor(value: str) -> Kind:
    """0.66 W: for outputs that somebody shorts."""
    return Kind(
        "Device:R",
        value,
        R_1206,
        TWO,
        "Panasonic",
        f"ERJ-P08F{_four_digits(value)}V",
        0.08,
        alternatives=("any 1206 of 0.5 W or more",),
        rating=Rating(volts=200, watts=0.66),
        spice=(Spice("R", value, ("1", "2")),),
        source="Panasonic ERJ-P series",
    )


_CAPACITORS: Final = {
    # value: (maker's number of Murata, volts, dollars, footprint)
    "100p": ("GRM2165C1H101JA01D", 50, 0.03, C_0805),
    "2.2n": ("GRM2165C1H222JA01D", 50, 0.05, C_0805),
    "3.3n": ("GRM2165C1H332JA01D", 50, 0.06, C_0805),
    "4.7n": ("GRM2165C1H472JA01D", 50, 0.07, C_0805),
    "10n": ("GRM2195C1H103JA01D", 50, 0.09, C_0805),
    "100n": ("GRM21BR71H104KA01L", 50, 0.02, C_0805),
    "1u": ("GRM21BR71H105KA12L", 50, 0.05, C_0805),
    "2.2u": ("GRM21BR71E225KA73L", 25, 0.07, C_0805),
    "10u": ("GRM21BR61E106KA73L", 25, 0.12, C_0805),
    "22u": ("GRM31CR61E226KE15L", 25, 0.30, C_1206),
}


def capacitor(value: str) -> Kind:
    """Ceramic: C0G up to 10 nF, X7R or X5R above."""
    number, volts, cost, footprint = _CAPACITORS[value]
    return Kind(
        "Device:C",
        value,
        footprint,
        TWO,
        "Murata",
        number,
        cost,
        alternatives=("any of this value, dielectric and voltage",),
        rating=Rating(volts=volts),
        spice=(Spice("C", value, ("1", "2")),),
        source="Murata GRM series",
    )


BULK: Final = Kind(
    "Device:C_Polarized",
    "100u 25V",
    "Capacitor_SMD:CP_Elec_6.3x7.7",
    TWO,
    "Panasonic",
    "EEE-FK1E101P",
    0.35,
    alternatives=("Nichicon UWT1E101MCL1GS",),
    rating=Rating(volts=25),
    spice=(Spice("C", "100u", ("1", "2")),),
    source="Panasonic FK series",
)
SIGNAL_DIODE: Final = Kind(
    "Device:D",
    "1N4148W",
    "Diode_SMD:D_SOD-123",
    {"1": "K", "2": "A"},
    "Diodes Inc.",
    "1N4148W-7-F",
    0.03,
    alternatives=("onsemi 1N4148WT",),
    rating=Rating(volts=100, amps=0.15),
    spice=(Spice("D", "d1n4148", ("A", "K")),),
    source="Diodes Inc. DS30086",
)
SCHOTTKY: Final = Kind(
    "Device:D_Schottky",
    "B340A",
    "Diode_SMD:D_SMA",
    {"1": "K", "2": "A"},
    "Diodes Inc.",
    "B340A-13-F",
    0.15,
    alternatives=("MDD SS34 in SMA (onsemi's SS34FA is a SOD-123FL and does not fit)",),
    rating=Rating(volts=40, amps=3.0),
    spice=(Spice("D", "dss34", ("A", "K")),),
    source="Diodes Inc. DS30891",
)
SMALL_SCHOTTKY: Final = Kind(
    "Device:D_Schottky",
    "BAT54",
    "Diode_SMD:D_SOD-123",
    {"1": "K", "2": "A"},
    "onsemi",
    "BAT54T1G",
    0.05,
    alternatives=("Diodes Inc. BAT54W-7-F is a SOT-323 and does not fit",),
    rating=Rating(volts=30, amps=0.2),
    spice=(Spice("D", "dbat54", ("A", "K")),),
    source="onsemi BAT54T1/D",
)
SUPPRESSOR: Final = Kind(
    "Device:D_Zener",
    "SMAJ13A",
    "Diode_SMD:D_SMA",
    {"1": "K", "2": "A"},
    "Littelfuse",
    "SMAJ13A",
    0.20,
    alternatives=("Bourns SMAJ13A", "Diodes Inc. SMAJ13A-13-F"),
    rating=Rating(volts=13, amps=18.6),
    source="Littelfuse SMAJ series",
)
CLAMP: Final = Kind(
    "Diode:BAV99",
    "BAV199",
    "Package_TO_SOT_SMD:SOT-23",
    {"1": "A", "2": "K", "3": "COM"},
    "Nexperia",
    "BAV199,215",
    0.06,
    alternatives=("onsemi BAV199LT1G", "Diodes Inc. BAV199-7-F"),
    rating=Rating(volts=75, amps=0.14),
    spice=(Spice("D", "dbav199", ("1", "3"), "L"), Spice("D", "dbav199", ("3", "2"), "H")),
    source="Nexperia BAV199",
)
NPN: Final = Kind(
    "Transistor_BJT:MMBT3904",
    "MMBT3904",
    "Package_TO_SOT_SMD:SOT-23",
    {"1": "B", "2": "E", "3": "C"},
    "onsemi",
    "MMBT3904LT1G",
    0.02,
    alternatives=("Nexperia PMBT3904,215",),
    rating=Rating(volts=40, amps=0.2),
    spice=(Spice("Q", "q3904", ("C", "B", "E")),),
    source="onsemi MMBT3904LT1/D",
)
PNP: Final = Kind(
    "Transistor_BJT:MMBT3906",
    "MMBT3906",
    "Package_TO_SOT_SMD:SOT-23",
    {"1": "B", "2": "E", "3": "C"},
    "onsemi",
    "MMBT3906LT1G",
    0.02,
    alternatives=("Nexperia PMBT3906,215",),
    rating=Rating(volts=40, amps=0.2),
    spice=(Spice("Q", "q3906", ("C", "B", "E")),),
    source="onsemi MMBT3906LT1/D",
)
PMOS: Final = Kind(
    "Transistor_FET:AO3401A",
    "AO3401A",
    "Package_TO_SOT_SMD:SOT-23",
    {"1": "G", "2": "S", "3": "D"},
    "AOS",
    "AO3401A",
    0.08,
    alternatives=("Diodes Inc. DMP3099L-7",),
    rating=Rating(volts=30, amps=3.0),
    spice=(Spice("M", "pao3401", ("D", "G", "S", "S")),),
    source="AOS AO3401A",
)


def polyfuse(hold_amps: float, volts: float, number: str) -> Kind:
    """A fuse that heals."""
    return Kind(
        "Device:Polyfuse",
        f"{hold_amps:g}A",
        "Fuse:Fuse_1812_4532Metric",
        TWO,
        "Littelfuse",
        number,
        0.30,
        alternatives=("Bourns MF-MSMF of the same hold current",),
        rating=Rating(volts=volts, amps=hold_amps),
        spice=(Spice("R", "0.12", ("1", "2")),),
        source="Littelfuse 1812L series",
    )


BEAD: Final = Kind(
    "Device:FerriteBead",
    "600R@100MHz",
    "Inductor_SMD:L_0805_2012Metric",
    TWO,
    "Murata",
    "BLM21AG601SN1D",
    0.05,
    alternatives=("TDK MPZ2012S601A",),
    rating=Rating(amps=0.6),
    spice=(Spice("R", "0.1", ("1", "2")),),
    source="Murata BLM21 series",
)

QUAD_AMPLIFIER: Final = Kind(
    "Amplifier_Operational:MCP6004",
    "MCP6004",
    SOIC.format(14, 8.7),
    {
        "1": "OUTA",
        "2": "-A",
        "3": "+A",
        "4": "V+",
        "5": "+B",
        "6": "-B",
        "7": "OUTB",
        "8": "OUTC",
        "9": "-C",
        "10": "+C",
        "11": "V-",
        "12": "+D",
        "13": "-D",
        "14": "OUTD",
    },
    "Microchip",
    "MCP6004T-I/SL",
    0.55,
    alternatives=("MCP6004-I/SL (tube)", "TI TLV9004IDR"),
    rating=Rating(volts=6.0),
    spice=tuple(Spice("X", "mcp6004", (f"+{unit}", f"-{unit}", "V+", "V-", f"OUT{unit}"), unit) for unit in "ABCD"),
    source="Microchip DS21733",
)
DUAL_AMPLIFIER: Final = Kind(
    "Amplifier_Operational:OPA1678",
    "OPA1678",
    SOIC.format(8, 4.9),
    {"1": "OUTA", "2": "-A", "3": "+A", "4": "V-", "5": "+B", "6": "-B", "7": "OUTB", "8": "V+"},
    "Texas Instruments",
    "OPA1678IDR",
    1.10,
    alternatives=("TI OPA1656ID", "TI OPA2134UA (less swing)"),
    rating=Rating(volts=36.0),
    spice=tuple(Spice("X", "opa1678", (f"+{unit}", f"-{unit}", "V+", "V-", f"OUT{unit}"), unit) for unit in "AB"),
    source="TI SBOS855",
)


def amplifier_pins(kind: Kind, unit: int) -> tuple[str, str, str]:
    """Numbers of plus, minus and output of an amplifier's unit, from 0."""
    letter = "ABCD"[unit]
    plus, minus, out = (kind.numbers(f"{name}{letter}")[0] for name in ("+", "-", "OUT"))
    return plus, minus, out


ADC: Final = Kind(
    "Analog_ADC:MCP3208",
    "MCP3208-B",
    SOIC.format(16, 9.9),
    {
        **{str(channel + 1): f"CH{channel}" for channel in range(8)},
        "9": "DGND",
        "10": "~CS/SHDN",
        "11": "DIN",
        "12": "DOUT",
        "13": "CLK",
        "14": "AGND",
        "15": "VREF",
        "16": "VDD",
    },
    "Microchip",
    "MCP3208T-BI/SL",
    4.20,
    alternatives=("MCP3208-BI/SL (tube)",),
    rating=Rating(volts=7.0),
    source="Microchip DS21298",
)
FINE_ADC: Final = Kind(
    "Analog_ADC:AD7689xCP",
    "AD7689B",
    "Package_CSP:LFCSP-20-1EP_4x4mm_P0.5mm_EP2.5x2.5mm",
    {
        "1": "VDD",
        "2": "REF",
        "3": "REFIN",
        "4": "GND",
        "5": "GND",
        **{str(channel + 2): f"IN{channel}" for channel in range(4, 8)},
        "10": "COM",
        "11": "CNV",
        "12": "DIN",
        "13": "SCK",
        "14": "SDO",
        "15": "VIO",
        **{str(channel + 16): f"IN{channel}" for channel in range(4)},
        "20": "VDD",
        "21": "EPAD",
    },
    "Analog Devices",
    "AD7689BCPZRL7",
    14.50,
    alternatives=("AD7689BCPZ (tray)", "AD7689ACPZRL7 (±4 LSB: V/OCT misses a cent)"),
    rating=Rating(volts=7.0),
    source="Analog Devices AD7682/AD7689, revision J",
)
DAC: Final = Kind(
    "Analog_DAC:MCP4728",
    "MCP4728",
    "Package_SO:MSOP-10_3x3mm_P0.5mm",
    {
        "1": "VDD",
        "2": "SCL",
        "3": "SDA",
        "4": "~LDAC",
        "5": "RDY/~BSY",
        "6": "VOUTA",
        "7": "VOUTB",
        "8": "VOUTC",
        "9": "VOUTD",
        "10": "VSS",
    },
    "Microchip",
    "MCP4728T-E/UN",
    3.10,
    alternatives=("MCP4728-E/UN (tube)",),
    rating=Rating(volts=6.5),
    source="Microchip DS22187",
)
AUDIO_DAC: Final = Kind(
    "Audio:PCM5102A",
    "PCM5102A",
    "Package_SO:TSSOP-20_4.4x6.5mm_P0.65mm",
    {
        "1": "CPVDD",
        "2": "CAPP",
        "3": "CPGND",
        "4": "CAPM",
        "5": "VNEG",
        "6": "OUTL",
        "7": "OUTR",
        "8": "AVDD",
        "9": "AGND",
        "10": "DEMP",
        "11": "FLT",
        "12": "SCK",
        "13": "BCK",
        "14": "DIN",
        "15": "LRCK",
        "16": "FMT",
        "17": "XSMT",
        "18": "LDOO",
        "19": "DGND",
        "20": "DVDD",
    },
    "Texas Instruments",
    "PCM5102APWR",
    3.60,
    alternatives=("TI PCM5102PWR", "TI PCM5101APWR (less range)"),
    rating=Rating(volts=3.9),
    source="TI SLAS859",
)
REFERENCE: Final = Kind(
    "Reference_Voltage:REF5030AD",
    "REF5030",
    SOIC.format(8, 4.9),
    {"1": "DNC", "2": "VIN", "3": "TEMP", "4": "GND", "5": "TRIM/NR", "6": "VOUT", "7": "NC", "8": "DNC"},
    "Texas Instruments",
    "REF5030IDR",
    4.90,
    alternatives=("TI REF5030AIDR (8 ppm/K)", "ADI ADR4530BRZ"),
    rating=Rating(volts=18.0),
    source="TI SBOS410",
)
REGULATOR_3V3: Final = Kind(
    "Regulator_Linear:AP2112K-3.3",
    "AP2112K-3.3",
    "Package_TO_SOT_SMD:SOT-23-5",
    {"1": "VIN", "2": "GND", "3": "EN", "4": "NC", "5": "VOUT"},
    "Diodes Inc.",
    "AP2112K-3.3TRG1",
    0.25,
    alternatives=("TI TLV75533PDBVR",),
    rating=Rating(volts=6.5, amps=0.6),
    source="Diodes Inc. AP2112",
)
BUCK: Final = Kind(
    "Converter_DCDC:RPM5.0-3.0",
    "RPM5.0-3.0",
    "Converter_DCDC:Converter_DCDC_RECOM_RPMx.x-x.0",
    {
        "A1": "VIN",
        "A2": "VIN",
        "A3": "GND",
        "A4": "GND",
        "A5": "VOUT",
        "B1": "GND",
        "B2": "GND",
        "B3": "GND",
        "B4": "GND",
        "B5": "VOUT",
        "C1": "CTRL",
        "C2": "GND",
        "C3": "GND",
        "C4": "GND",
        "C5": "SENSE",
        "D1": "PGOOD",
        "D2": "GND",
        "D3": "GND",
        "D4": "GND",
        "D5": "GND",
        "E1": "SEQ",
        "E2": "NC",
        "E3": "GND",
        "E4": "GND",
        "E5": "TRIM",
    },
    "RECOM",
    "RPM5.0-3.0",
    8.50,
    alternatives=("Pololu D36V28F5 on wires",),
    rating=Rating(volts=15.0, amps=3.0),
    source="RECOM RPM-3.0",
)
SUPERVISOR: Final = Kind(
    "Power_Supervisor:TPS3808DBV",
    "TPS3808G01",
    "Package_TO_SOT_SMD:SOT-23-6",
    {"1": "~RESET", "2": "GND", "3": "~MR", "4": "CT", "5": "SENSE", "6": "VDD"},
    "Texas Instruments",
    "TPS3808G01DBVR",
    0.95,
    alternatives=("TI TPS3808G01QDBVRQ1",),
    rating=Rating(volts=7.0),
    source="TI SBVS050",
)
OPTOCOUPLER: Final = Kind(
    "Isolator:H11L1",
    "H11L1",
    "Package_DIP:DIP-6_W7.62mm",
    {"1": "A", "2": "K", "3": "NC", "4": "VO", "5": "GND", "6": "VCC"},
    "onsemi",
    "H11L1M",
    0.75,
    alternatives=("Lite-On H11L1", "Vishay H11L1 (check the pins)"),
    rating=Rating(volts=16.0),
    source="onsemi H11L3M/D",
)
BUFFER: Final = Kind(
    "74xGxx:74LVC1G17",
    "74LVC1G17",
    "Package_TO_SOT_SMD:SOT-23-5",
    {"1": "NC", "2": "A", "3": "GND", "4": "Y", "5": "VCC"},
    "Texas Instruments",
    "SN74LVC1G17DBVR",
    0.12,
    alternatives=("Nexperia 74LVC1G17GV,125",),
    rating=Rating(volts=6.5, amps=0.032),
    source="TI SCES351",
)
GATE_BUFFER: Final = Kind(
    "74xGxx:74AHCT1G125",
    "74AHCT1G125",
    "Package_TO_SOT_SMD:SOT-23-5",
    {"1": "~OE", "2": "A", "3": "GND", "4": "Y", "5": "VCC"},
    "Texas Instruments",
    "SN74AHCT1G125DBVR",
    0.15,
    alternatives=("Nexperia 74AHCT1G125GV,125",),
    rating=Rating(volts=7.0, amps=0.025),
    spice=(Spice("X", "ahct125", ("A", "GND", "VCC", "Y")),),
    source="TI SCLS378",
)
LAMP_DRIVER: Final = Kind(
    "Driver_LED:PCA9685PW",
    "PCA9685PW",
    "Package_SO:TSSOP-28_4.4x9.7mm_P0.65mm",
    {
        **{str(index + 1): f"A{index}" for index in range(5)},
        **{str(6 + index): f"LED{index}" for index in range(8)},
        "14": "VSS",
        **{str(15 + index): f"LED{8 + index}" for index in range(8)},
        "23": "~OE",
        "24": "A5",
        "25": "EXTCLK",
        "26": "SCL",
        "27": "SDA",
        "28": "VDD",
    },
    "NXP",
    "PCA9685PW,118",
    2.30,
    alternatives=("PCA9685PW,112 (tube)",),
    rating=Rating(volts=6.0),
    source="NXP PCA9685",
)
EEPROM: Final = Kind(
    "Memory_EEPROM:24LC32",
    "24LC32A",
    SOIC.format(8, 4.9),
    {"1": "A0", "2": "A1", "3": "A2", "4": "VSS", "5": "SDA", "6": "SCL", "7": "WP", "8": "VCC"},
    "Microchip",
    "24LC32AT-I/SN",
    0.40,
    alternatives=("onsemi CAT24C32WI-GT3", "ST M24C32-RMN6TP"),
    rating=Rating(volts=6.5),
    source="Microchip DS21072",
)
USB_GUARD: Final = Kind(
    "Power_Protection:USBLC6-2SC6",
    "USBLC6-2SC6",
    "Package_TO_SOT_SMD:SOT-23-6",
    {"1": "IO1", "2": "GND", "3": "IO2", "4": "IO2", "5": "VBUS", "6": "IO1"},
    "STMicroelectronics",
    "USBLC6-2SC6",
    0.25,
    alternatives=("TECH PUBLIC USBLC6-2SC6",),
    rating=Rating(volts=6.0),
    source="ST USBLC6-2",
)

JACK: Final = Kind(
    "Connector_Audio:AudioJack2_SwitchT",
    "PJ398SM",
    "Connector_Audio:Jack_3.5mm_QingPu_WQP-PJ398SM_Vertical_CircularHoles",
    {"S": "S", "T": "T", "TN": "TN"},
    "QingPu",
    "WQP-PJ398SM",
    0.45,
    alternatives=("Thonkiconn PJ398SM",),
    source="QingPu WQP-PJ398SM",
)
STEREO_JACK: Final = Kind(
    "Connector_Audio:AudioJack3",
    "TRS 3.5mm",
    "tombola:Jack_3.5mm_TRS_Chassis_Wired",
    {"S": "S", "R": "R", "T": "T"},
    "various",
    "3.5 mm TRS, M6 thread of plastic, solder lugs",
    1.10,
    alternatives=("one with a metal bush only behind a panel of FR4, or with a shoulder washer of nylon",),
    source="what the panel's hole and the footprint's three wires take",
)
POTENTIOMETER: Final = Kind(
    "Device:R_Potentiometer",
    "B10k",
    "Potentiometer_THT:Potentiometer_Alpha_RD901F-40-00D_Single_Vertical",
    {"1": "1", "2": "2", "3": "3"},
    "Alpha",
    "RD901F-40-15K-B10K",
    1.10,
    alternatives=("Song Huei R0904N B10K (check the feet)",),
    rating=Rating(volts=50, watts=0.05),
    source="Alpha RD901F",
)
ENCODER: Final = Kind(
    "Device:RotaryEncoder_Switch",
    "EC11E",
    "Rotary_Encoder:RotaryEncoder_Alps_EC11E-Switch_Vertical_H20mm",
    {"A": "A", "B": "B", "C": "C", "S1": "S1", "S2": "S2"},
    "Alps Alpine",
    "EC11E15244G1",
    2.20,
    alternatives=("Bourns PEC11R-4220F-S0024 (24 of each; check the feet)",),
    source="Alps EC11 series: 30 detents, 15 pulses; a D shaft",
)
BUTTON: Final = Kind(
    "Switch:SW_Push",
    "6mm H17",
    "Button_Switch_THT:SW_PUSH_6mm_H13mm",
    TWO,
    "various",
    "tactile switch 6 x 6 x 17 mm, four legs, round stem of 3.5 mm",
    0.20,
    alternatives=("any with 16 to 18 mm from board to tip",),
    source="6 mm tactile switches; the feet of all lengths are the same",
)
TWO_COLOUR_LED: Final = Kind(
    "Device:LED_Dual_AKA",
    "red/green",
    "LED_THT:LED_D3.0mm-3",
    {"1": "A1", "2": "K", "3": "A2"},
    "Kingbright",
    "WP3VEGW",
    0.35,
    alternatives=("any 3 mm red/green with a common cathode",),
    rating=Rating(amps=0.02),
    source="Kingbright 3 mm bi-colour",
)
USB_C: Final = Kind(
    "Connector:USB_C_Receptacle_USB2.0_16P",
    "USB4115",
    "Connector_USB:USB_C_Receptacle_GCT_USB4115-03-C",
    {
        **dict.fromkeys(("A1", "A12", "B1", "B12"), "GND"),
        **dict.fromkeys(("A4", "A9", "B4", "B9"), "VBUS"),
        "A5": "CC1",
        "B5": "CC2",
        "A6": "D+",
        "B6": "D+",
        "A7": "D-",
        "B7": "D-",
        "A8": "SBU1",
        "B8": "SBU2",
        "S1": "SHIELD",
    },
    "GCT",
    "USB4115-03-C",
    1.20,
    alternatives=("none that fits as it is",),
    rating=Rating(volts=20, amps=5.0),
    source="GCT USB4115",
)


def header(rows: int, columns: int, *, socket: bool = False, value: str = "") -> Kind:
    """A pin header or socket of 2.54 mm; ``columns`` is 1 or 2."""
    what = "PinSocket" if socket else "PinHeader"
    maker = "Harwin" if socket else "Amphenol"
    number = (
        f"M20-78{'2' if columns == 1 else '3'}{rows:02d}46"
        if socket
        else f"10129{'378' if columns == 1 else '381'}-9{rows * columns:02d}001BLF"
    )
    count = rows * columns
    return Kind(
        f"Connector_Generic:Conn_{columns:02d}x{rows:02d}" + ("_Odd_Even" if columns == 2 else ""),
        value or f"{columns}x{rows}",
        f"Connector_{what}_2.54mm:{what}_{columns}x{rows:02d}_P2.54mm_Vertical",
        {str(index + 1): f"Pin_{index + 1}" for index in range(count)},
        maker,
        number,
        round(0.05 + 0.02 * count, 2),
        alternatives=("any of 2.54 mm",),
        rating=Rating(amps=2.0),
        source="2.54 mm header",
    )


DISPLAY_PINS: Final = replace(
    header(4, 1, value="OLED SH1106"),
    maker="various",
    number="pin header 1x4, pins of 17 mm",
    alternatives=("four stiff wires",),
)
"""Of a display on spacers of 8 mm; a socket and pins would hold it 13.7 mm high."""
POWER_HEADER: Final = Kind(
    "Connector_Generic:Conn_02x05_Odd_Even",
    "Eurorack",
    "Connector_IDC:IDC-Header_2x05_P2.54mm_Vertical",
    {str(index + 1): f"Pin_{index + 1}" for index in range(10)},
    "Amphenol",
    "T821110A1S100CEU",
    0.30,
    alternatives=("any keyed 2x5 box header",),
    rating=Rating(amps=2.0),
    source="Doepfer A-100 technical details",
)
TEST_POINT: Final = Kind(
    "Connector:TestPoint",
    "test point",
    "TestPoint:TestPoint_Pad_D1.5mm",
    {"1": "1"},
    "none",
    "a pad of copper",
    0.001,
    source="KiCad's own pad",
)
