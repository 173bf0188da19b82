"""The description: pins, nets, ratings, cost, pin map; and what is said when it is wrong."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIANTS = ("tombola", "tombola-desktop")


@pytest.fixture(scope="module")
def kinds(designs):
    return {part.kind.number: part.kind for design in designs.values() for part in design.board.parts}


def test_every_kind_has_the_pins_of_its_symbol_and_the_pads_of_its_footprint(kinds):
    from tombola_hardware.kicad.library import pads, symbol

    for kind in kinds.values():
        assert {pin.number for pin in symbol(kind.symbol).pins} == set(kind.pins), kind.value
        missing = set(kind.pins) - pads(kind.footprint)
        assert not missing, f"{kind.value}: {missing} not in {sorted(pads(kind.footprint))}"


def test_ordering_codes_are_in_each_makers_own_way():
    from tombola_hardware.kinds import precision_resistor, resistor, strong_resistor

    assert [resistor(value).number for value in ("33", "470", "6.8k", "100k")] == [
        "RC0805FR-0733RL", "RC0805FR-07470RL", "RC0805FR-076K8L", "RC0805FR-07100KL"]  # fmt: skip
    assert resistor("1k").alternatives == ("Vishay CRCW08051K00FKEA",)
    assert [strong_resistor(value).number for value in ("330", "1k")] == ["ERJ-P08F3300V", "ERJ-P08F1001V"]
    assert [precision_resistor(value).number for value in ("9.1k", "28k", "100k")] == [
        "TNPU08059K10BZEN00", "TNPU080528K0BZEN00", "TNPU0805100KBZEN00"]  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_no_part_is_overtaxed(designs, name):
    from tombola_hardware import ratings

    assert ratings.faults(designs[name].board) == []


@pytest.mark.parametrize(
    ("reference", "kind", "said"),
    [
        ("C11", {"volts": 10.0}, "bears 10 V"),
        ("U11", {"amps": 1.0}, "bears 1 A"),
        ("F11", {"amps": 1.1}, "bears 1.1 A"),
    ],
)
def test_a_part_that_bears_too_little_is_named(board, reference, kind, said):
    from tombola_hardware import ratings

    part = board.part(reference)
    weak = dataclasses.replace(
        part, kind=dataclasses.replace(part.kind, rating=dataclasses.replace(part.kind.rating, **kind))
    )
    parts = tuple(weak if other.reference == reference else other for other in board.parts)
    faults = ratings.faults(dataclasses.replace(board, parts=parts))
    assert len(faults) == 1
    assert faults[0].startswith(reference)
    assert said in faults[0]


def test_a_raspberry_pi_4_is_what_the_fuse_carries_warm_and_a_5_is_not(board):
    from tombola_hardware import ratings

    fuse = board.part("F11").kind.rating.amps * ratings.FUSE_SHARE
    assert ratings.plus_12_amps(6.4) == pytest.approx(0.80, abs=0.05)
    assert ratings.plus_12_amps(2.7) == pytest.approx(0.41, abs=0.05)
    assert ratings.minus_12_amps() < 0.02
    assert ratings.plus_12_amps(6.4) < fuse < ratings.plus_12_amps(ratings.PI_5_WATTS)


@pytest.mark.parametrize(("name", "row"), [("tombola", "module"), ("tombola-desktop", "desktop")])
def test_documents_say_what_one_of_ten_and_a_single_one_cost(designs, name, row):
    from tombola_hardware import bom

    board = designs[name].board
    one_of_ten, single = f"{bom.totals(board)['all']:.0f}", f"{bom.for_one(board):.0f}"
    table = (ROOT / "hardware/README.md").read_text("utf-8")
    (cells,) = [line for line in table.splitlines() if line.startswith(f"| {row} |")]
    assert cells.endswith(f"| {one_of_ten} | {single} |")
    if row == "module":
        told = f"USD {one_of_ten} with the Pi if ten are made, USD {single} for a single one"
        assert told in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", VARIANTS)
def test_everything_costs_at_most_200_dollars_and_can_be_ordered(designs, name):
    from tombola_hardware import bom

    assert 100 < bom.totals(designs[name].board)["all"] <= 200
    for line in bom.lines(designs[name].board):
        assert line.number
        assert line.maker
        assert line.cost_usd > 0
        if line.references:
            assert line.quantity == len(line.references.split())


def test_firmware_and_board_agree_on_every_pin(designs):
    from tombola_hardware import pin_map

    installed = (ROOT / "device/tombola_device/hal/panel/pin_map.json").read_text("utf-8")
    assert installed == pin_map.text(designs["tombola"]), "run make hardware"


@pytest.mark.parametrize("name", VARIANTS)
def test_firmware_reads_the_pin_map(designs, name):
    import msgspec
    from tombola_device.hal.panel.pins import PinMap
    from tombola_hardware import pin_map

    read = msgspec.json.decode(pin_map.text(designs[name]).encode(), type=PinMap)
    assert read.gpio["AUDIO_MUTE"] == 4
    assert read.adc["V_OCT"].volts_at_full < -3 < 6.5 < read.adc["V_OCT"].volts_at_zero
    assert bool(read.dac) == (name == "tombola")


@pytest.mark.parametrize("name", VARIANTS)
def test_no_gpio_is_used_twice_or_claimed_by_an_overlay(designs, name):
    from tombola_hardware.device_tree import STOCK
    from tombola_hardware.model import CLAIMED

    gpio = designs[name].board.gpio
    assert len(set(gpio.values())) == len(gpio)
    assert {signal for signal, number in gpio.items() if number in CLAIMED} == {"MIDI_TX", "MIDI_RX"}
    assert {bus for _, _, bus in STOCK} - {""} == set(CLAIMED.values()) - {"HAT EEPROM"}


def test_stock_overlays_are_those_that_the_installer_writes():
    from tombola_hardware.device_tree import STOCK

    text = (ROOT / "systemd/boot/config-pi4.txt").read_text("utf-8")
    for line, _, _ in STOCK:
        head = line.split("=", 1)[1].split(",")[0].split("=")[0]
        assert head in text, line


@pytest.mark.parametrize("name", VARIANTS)
def test_overlay_compiles_and_muting_is_what_it_starts_with(designs, name, tmp_path):
    if shutil.which("dtc") is None:
        pytest.skip("dtc was not found; install device-tree-compiler")
    from tombola_hardware.device_tree import overlay

    board = designs[name].board
    source, target = tmp_path / "o.dts", tmp_path / "o.dtbo"
    source.write_text(overlay(board))
    done = subprocess.run(
        ["dtc", "-@", "-I", "dts", "-O", "dtb", "-o", target, source], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    back = subprocess.run(["dtc", "-I", "dtb", "-O", "dts", target], capture_output=True, text=True, check=True).stdout
    cells = {}
    for what in ("pins", "function", "pull"):
        line = next(line for line in back.splitlines() if f"brcm,{what} =" in line)
        cells[what] = [int(word, 16) for word in line.split("<")[1].split(">")[0].split()]
    mute = cells["pins"].index(4)
    assert (cells["function"][mute], cells["pull"][mute]) == (1, 1)
    assert set(cells["pins"]) == {number for signal, number in board.gpio.items() if not signal.startswith("MIDI_")}


def test_bad_descriptions_are_one_sentence_each(board):
    from tombola_hardware.errors import BadBoard
    from tombola_hardware.kinds import resistor
    from tombola_hardware.model import Board, Part

    good = resistor("1k")
    homeless = dataclasses.replace(good, footprint="")
    cases = {
        "has only pin 1 of R1": Board("b", "A", (Part("R1", good, {"1": "ALONE", "2": ""}),)),
        "has no footprint": Board("b", "A", (Part("R1", homeless, {"1": "X", "2": "X"}),)),
        "is used 2 times": Board("b", "A", (Part("R1", good, {"1": "X", "2": "X"}),) * 2),
        "has no pin 3": Board("b", "A", (Part("R1", good, {"1": "X", "2": "X", "3": "X"}),)),
        "goes nowhere": Board("b", "A", (Part("R1", good, {"1": "X"}),)),
        "which the header does not have": dataclasses.replace(board, gpio={"GATE_IN": 40}),
        "which I2S takes": dataclasses.replace(board, gpio={"GATE_IN": 18}),
        "GPIO 5 is used 2 times": dataclasses.replace(board, gpio={"GATE_IN": 5, "TRIG_IN": 5}),
    }
    for said, wrong in cases.items():
        with pytest.raises(BadBoard, match=said) as caught:
            wrong.check()
        assert "\n" not in str(caught.value)


def test_unknown_symbols_and_footprints_are_named():
    from tombola_hardware.errors import BadBoard
    from tombola_hardware.kicad.library import footprint_path, symbol

    with pytest.raises(BadBoard, match="no symbol NOTHING"):
        symbol("Device:NOTHING")
    with pytest.raises(BadBoard, match="no footprint Resistor_SMD:NOTHING"):
        footprint_path("Resistor_SMD:NOTHING")


def test_one_more_cv_input_in_one_file_reaches_sheet_pin_map_panel_and_bill(monkeypatch, kicad_libraries):
    from tombola_hardware import bom, instrument, pin_map
    from tombola_hardware.board import module
    from tombola_hardware.instrument import CvInput
    from tombola_hardware.panel import boards, layout, svg
    from tombola_hardware.sheets import converters, inputs

    jack = CvInput(name="CV_4", legend="CV IV", x_mm=91.1, y_mm=82.2, channel=6)
    before = module()
    # What an edit of instrument.py changes, for all that have read it.
    more = (*instrument.CV_INPUTS, jack)
    monkeypatch.setattr(inputs, "CV_INPUTS", more)
    monkeypatch.setattr(converters, "CV_INPUTS", more)
    monkeypatch.setattr(pin_map, "CV_INPUTS", more)
    monkeypatch.setattr(boards, "CV_INPUTS", more)
    monkeypatch.setattr(layout, "PANEL", (*instrument.PANEL, jack))
    monkeypatch.setattr(svg, "PANEL", (*instrument.PANEL, jack))
    after = module()
    assert after.board.part("U92").net("IN6") == "ADC_CV_4"
    assert len(after.board.parts) == len(before.board.parts) + 7
    assert json.loads(pin_map.text(after))["adc"]["CV_4"] == {
        "converter": "ADC_CV",
        "channel": 6,
        "volts_at_zero": 10.8059,
        "volts_at_full": -5.8608,
    }
    assert 'id="CV_4"' in svg.front()
    assert layout.faults() == []
    assert bom.totals(after.board)["all"] - bom.totals(before.board)["all"] == pytest.approx(0.7, abs=0.3)
    _, spots = boards.control(after.board)
    assert any(spot.reference == "J37" for spot in spots)


def test_firmware_range_that_does_not_fit_its_stage_is_refused(monkeypatch, designs):
    from tombola_hardware import pin_map
    from tombola_hardware.errors import BadBoard
    from tombola_hardware.instrument import CvInput

    monkeypatch.setattr(
        pin_map, "CV_INPUTS", (CvInput(name="CV_9", legend="9", x_mm=1, y_mm=1, channel=6, low_volts=-12),)
    )
    with pytest.raises(BadBoard, match="CV_9 must follow -12"):
        pin_map.pin_map(designs["tombola"])
