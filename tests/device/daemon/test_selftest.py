"""The self test on mock pins: a whole board passes, and each fault is told at the step that names its circuit."""

from __future__ import annotations

import gc
import json
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from tombola_device import __main__ as tombolad
from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.daemon.selftest import chosen_steps, walk
from tombola_device.daemon.selftest_checks import Bench
from tombola_device.daemon.selftest_steps import steps
from tombola_device.hal.panel.converters import FULL_SCALE
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.leds import FakePca9685, Leds
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.hal.panel.port import GATES, VOLTAGES
from tombola_device.surface.calibration import nominal_lines
from tombola_device.surface.volts import Calibration, Voltmeter

PINS = load_pin_map()
BRING_UP = Path(__file__).parents[3] / "hardware/docs/bring_up.md"
pytestmark = pytest.mark.skipif(find_spec("gpiozero") is None, reason="gpiozero is not installed")


@dataclass
class Faults:
    """What is wrong with the board; as made: nothing."""

    offset_volts: dict[str, float] = field(default_factory=dict)
    gain: dict[str, float] = field(default_factory=dict)
    swapped: dict[str, str] = field(default_factory=dict)
    """Name that is meant → name that is connected."""
    dead: set[str] = field(default_factory=set)
    midi: bytes | None = None
    reversed_knob: int | None = None
    lamps_inverted: bool = False
    half_encoder: bool = False
    gone: str = ""


class Board:
    """Mock pins, the patch cables between them, the builder and virtual time."""

    def __init__(self, mock, faults):
        self.mock, self.faults, self.now_s = mock, faults, 0.0
        self.cable, self.hand, self.level, self.sent = ("", ""), iter(()), 0.0, b""
        self.chip = FakePca9685()
        self.lights = Leds(FakeI2c({64: self.chip}), 64)
        if faults.lamps_inverted:
            self.chip.registers[1] ^= 0x10
        voltmeter = Voltmeter(nominal_lines(PINS), Calibration())
        clock = lambda: self.now_s  # noqa: E731
        self.bench = Bench(mock.panel, voltmeter, self, self.lights, self, self, clock, self.sleep)

    def run(self, number):
        return walk(self.bench, [step for step in steps(PINS) if number in (0, step.number)], lambda _: None)

    # The builder

    def ready(self, told):
        words = re.sub(r"step \d+: ", "", told)
        patched = re.match(r"patch (\S+(?: [AB]|(?= out| OUT))?)(?: out| OUT)? into (.+)", words)
        self.cable = (patched[1].replace(" ", "_"), patched[2]) if patched else ("", "")
        self.hand = self._act(words)
        self.sleep(0.01)

    def sees(self, question):
        if "when it was switched on" in question:
            return True
        lamp, colour = int(re.search(r"lamp (\d)", question)[1]), re.search("red|green", question)[0]
        light = self.chip.light
        return [channel for channel in range(16) if light[channel] > 0.5] == [getattr(PINS.leds[lamp - 1], colour)]

    def _act(self, words):
        """What the hand does, a thousandth of a second after the other."""
        if found := re.match(r"turn knob (\d)", words):
            for place in (0.4, 0.2, *[0.0] * 20, 0.5, *[1.0] * 20):
                self._turn(int(found[1]) - 1, place)
                yield
        elif words.startswith("turn the encoder"):
            for _ in range(30):
                for name in ("ENC_A", "ENC_B"):
                    pin = self._pin(name)
                    if not (self.faults.half_encoder and name == "ENC_B"):
                        (pin.drive_low if pin.state else pin.drive_high)()
                    yield
        elif words.startswith(("push", "plug", "lower")):
            name = {"the encoder": "ENC_SW"}.get(words[5:-5], words[5:-5])
            name = {"plug": "VBUS_SENSE", "lowe": "PWR_FAIL"}.get(words[:4], name)
            for high in (False, True, True, False):
                self._drive(name, high=high)
                yield

    def _turn(self, knob, place):
        pin = PINS.adc[f"KNOB_{knob + 1}"]
        if knob == self.faults.reversed_knob:
            place = 1.0 - place
        if f"KNOB_{knob + 1}" not in self.faults.dead:
            self.mock.counts[pin.converter][pin.channel] = round(place * FULL_SCALE)

    # The board

    def sleep(self, seconds):
        self.now_s += seconds
        next(self.hand, None)
        self._connect()

    def _connect(self):
        for name in VOLTAGES:
            self._set_volts(name, self.faults.offset_volts.get(name, 0.0))
        source, name = self.cable
        if source in PINS.dac:
            out, pin = PINS.dac[source], PINS.dac[self.faults.swapped.get(source, source)]
            share = self.mock.dac.volts[pin.channel] / 2.048
            volts = out.volts_at_zero + share * (out.volts_at_full - out.volts_at_zero)
            self._set_volts(name.replace("V/OCT", "V_OCT"), 0.0 if source in self.faults.dead else volts)
        elif source == "GATE":
            self._drive(name, high=bool(self._pin("GATE_OUT").state) and "GATE_OUT" not in self.faults.dead)
        elif source in ("LEFT", "RIGHT") and self._pin("AUDIO_MUTE").state and source not in self.faults.dead:
            self._set_volts("CV_1", 4.94 * self.level * self.faults.gain.get(source, 1.0))

    def _set_volts(self, name, volts):
        line = PINS.adc[self.faults.swapped.get(name, name)]
        volts = volts * self.faults.gain.get(name, 1.0) + self.faults.offset_volts.get(name, 0.0)
        share = (volts - line.volts_at_zero) / (line.volts_at_full - line.volts_at_zero)
        self.mock.counts[line.converter][line.channel] = round(min(max(share, 0.0), 1.0) * FULL_SCALE)

    def _pin(self, name):
        return self.mock.factory.pin(PINS.gpio[name])

    def _drive(self, name, *, high):
        if name in self.faults.dead:
            return
        name = self.faults.swapped.get(name, name)
        level = high != (name in PINS.active_low)
        if bool(self._pin(name).state) != level:
            (self._pin(name).drive_high if level else self._pin(name).drive_low)()

    # The UART and the card

    def write(self, data):
        if isinstance(data, bytes):
            if self.faults.gone == "uart":
                raise OSError(5, "Input/output error")
            self.sent = data if self.faults.midi is None else self.faults.midi
            return
        self.level = float(data[-1])
        self._connect()

    def read(self, size):
        data, self.sent = self.sent, b""
        return data

    def wait(self):
        return 0


@pytest.fixture
def make_board(monkeypatch):
    from tombola_device.hal.panel.mock import mock_panel

    monkeypatch.setattr("tombola_device.daemon.selftest_checks.PATIENCE_S", 0.5)
    made = []

    def make(**faults):
        made.append(mock_panel())
        return Board(made[-1], Faults(**faults))

    yield make
    for mock in made:
        mock.panel.close()
        mock.factory.reset()
    gc.collect()


@pytest.mark.timeout(300)
def test_whole_board_passes_each_step(make_board):
    board = make_board()
    report = board.run(0)
    assert [verdict for verdict in report.verdicts if not verdict.good] == []
    assert len(report.verdicts) == len(list(steps(PINS))) == 45
    assert report.good
    assert report.lines[-1] == "45 good, 0 BAD, 0 not tested"
    assert not board._pin("AUDIO_MUTE").state


@pytest.mark.parametrize(
    ("number", "faults", "bad"),
    [
        (2, {"offset_volts": {"CV_2": 0.1}}, ["input stages, BIAS_PITCH, BIAS_CV"]),
        (3, {"gain": {"V_OCT": 1.03}}, ["DAC, U52, V/OCT"]),
        (3, {"dead": {"CV_A"}}, ["DAC, U52, V/OCT"]),
        (4, {"gain": {"CV_3": 0.9}}, ["input CV_3"]),
        (4, {"swapped": {"CV_1": "CV_2"}}, ["input CV_1"]),
        (5, {"swapped": {"CV_B": "CV_A"}}, ["DAC's second channel"]),
        (6, {"dead": {"TRIG_IN"}}, ["U41, TRIG_IN"]),
        (6, {"dead": {"GATE_OUT"}}, [f"U41, {name}" for name in GATES]),
        (6, {"swapped": {"GATE_IN": "CLOCK_IN"}}, ["U41, GATE_IN"]),
        (7, {"midi": b""}, ["U72, U71, both sockets"]),
        (7, {"midi": b"\x6f\xc3\xbf"}, ["U72, U71, both sockets"]),
        (7, {"gone": "uart"}, ["U72, U71, both sockets"]),
        (8, {"dead": {"RIGHT"}}, ["audio DAC, U62, RIGHT"]),
        (8, {"gain": {"LEFT": 0.5}}, ["audio DAC, U62, LEFT"]),
        (9, {"reversed_knob": 2}, ["pots, U91"]),
        (9, {"dead": {"KNOB_5"}}, ["pots, U91"]),
        (10, {"half_encoder": True}, ["encoder"]),
        (10, {"dead": {"SAVE"}}, ["button SAVE"]),
        (10, {"swapped": {"SHIFT": "SAVE"}}, ["button SHIFT"]),
        (12, {"dead": {"VBUS_SENSE"}}, ["divider, guard"]),
        (13, {"dead": {"PWR_FAIL"}}, ["U13, D61"]),
    ],
)
def test_each_fault_is_found_at_its_step_and_at_no_other_circuit_of_it(make_board, number, faults, bad):
    report = make_board(**faults).run(number)
    assert [verdict.circuit for verdict in report.verdicts if verdict.good is False] == bad
    assert not report.good


def test_lamps_of_the_wrong_polarity_are_seen_at_each_die(make_board):
    report = make_board(lamps_inverted=True).run(11)
    assert [verdict.good for verdict in report.verdicts] == [False] * 16


def test_step_without_its_device_is_not_tested_and_says_why(make_board):
    import dataclasses

    board = make_board()
    board.bench = dataclasses.replace(board.bench, uart=None)
    report = board.run(7)
    assert [(verdict.good, verdict.found) for verdict in report.verdicts] == [(None, "midi_serial names no UART")]
    assert not report.good


def test_panel_that_stops_answering_is_a_bad_circuit_and_the_test_goes_on(make_board):
    board = make_board()

    def silent(shares):
        raise DeviceUnavailable("the DAC of the CV outputs does not answer")

    board.mock.panel.set_voltages = silent
    report = board.run(4)
    assert [verdict.good for verdict in report.verdicts] == [False] * 5


def test_converters_that_stop_answering_are_a_bad_circuit(make_board):
    board = make_board()

    def silent(channel):
        raise DeviceUnavailable("a converter does not answer; check SPI")

    for converter in board.mock.panel._converters.values():
        converter.read = silent
    report = board.run(5)
    assert {(verdict.good, verdict.found) for verdict in report.verdicts} == {
        (False, "a converter does not answer; check SPI")
    }


def test_steps_are_those_of_the_bring_up_with_its_circuits():
    rows = re.findall(r"^\| (\d+) \|.*\| (.+?) \|$", BRING_UP.read_text("utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == sorted({step.number for step in steps(PINS)})
    with pytest.raises(BadConfig, match="no step 99"):
        chosen_steps(PINS, [99])


def test_command_asks_measures_and_reports_as_json(tmp_path, monkeypatch, capsys):
    import io

    config = tmp_path / "tombola.toml"
    config.write_text(f'panel = "mock"\naudio = "null"\nstate_dir = "{tmp_path}"\n')
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\nmaybe\nn\n"))
    arguments = ["selftest", "--config", str(config), "--json"]
    assert tombolad.main([*arguments, "--step", "2", "--step", "7"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(verdict["step"], verdict["good"]) for verdict in found["verdicts"]] == [(2, True), (7, None)]
    monkeypatch.setattr("sys.stdin", io.StringIO("\nmaybe\nn\n"))
    assert tombolad.main(["selftest", "--config", str(config), "--step", "1"]) == 1
    assert " 1 BAD        lamps, mute: " in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert tombolad.main([*arguments, "--step", "2"]) == 1
    assert "start it again" in capsys.readouterr().err
    gc.collect()
