"""Volts, the wizard, and what is kept of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import DeviceUnavailable, StoreError
from tombola_device.daemon.console import Hardware, build_console
from tombola_device.disk.errands import AtOnce
from tombola_device.disk.files import DiskFiles
from tombola_device.hal.panel.converters import FULL_SCALE
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.memory import SIZE_BYTES, Eeprom, FakeEeprom, FakeMemory, FileMemory
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.play.player import Player
from tombola_device.surface.again import AGAIN_S
from tombola_device.surface.calibration import load_calibration, nominal_lines, save_calibration
from tombola_device.surface.fake import FakeFace
from tombola_device.surface.scenes import SceneStore
from tombola_device.surface.view import View
from tombola_device.surface.volts import Calibration, Line, Voltmeter, through
from tombola_device.surface.wizard import MEASURE_S, READINGS, SETTLE_S, TIMEOUT_S, OutputWizard, Step, Wizard

NOMINAL = Line(7.0, -3.0)


@pytest.fixture(params=["fake", "eeprom", "file"])
def memory(request, tmp_path, monkeypatch):
    monkeypatch.setattr("tombola_device.hal.panel.memory.WRITE_S", 0)
    return {
        "fake": FakeMemory,
        "eeprom": lambda: Eeprom(FakeI2c({80: FakeEeprom()}), 80),
        "file": lambda: FileMemory(tmp_path / "deep" / "calibration.bin"),
    }[request.param]()


def test_every_memory_begins_blank_and_keeps_what_is_written_across_pages(memory):
    assert memory.read() == b"\xff" * SIZE_BYTES
    memory.write(30, bytes(range(70)))
    assert memory.read()[28:102] == b"\xff\xff" + bytes(range(70)) + b"\xff\xff"


def test_calibration_is_kept_and_the_newest_of_several_counts(memory):
    assert load_calibration(memory) == (Calibration(), "")
    for volts in (7.1, 7.2, 7.3):
        calibration = Calibration({"V_OCT": Line(volts, -3.0)})
        save_calibration(memory, calibration)
        assert load_calibration(memory) == (calibration, "")


@settings(max_examples=200)
@given(st.integers(0, 200), st.integers(1, 4))
def test_power_cut_in_the_middle_of_a_write_leaves_the_calibration_before(count, earlier):
    memory = FakeMemory()
    for index in range(earlier):
        save_calibration(memory, Calibration({"V_OCT": Line(7.0 + index / 10, -3.0)}))
    before = load_calibration(memory)[0]
    after = Calibration({"V_OCT": Line(6.5, -3.5)})
    memory.cut_power_after(count)
    try:
        save_calibration(memory, after)
    except DeviceUnavailable:
        assert load_calibration(memory) == (before, "")
    else:
        assert load_calibration(memory) == (after, "")


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, SIZE_BYTES - 1), st.integers(0, 255)), min_size=1, max_size=20))
def test_no_damage_makes_up_a_calibration(damage):
    memory, kept = FakeMemory(), []
    for volts in (7.1, 7.2):
        kept.append(Calibration({"V_OCT": Line(volts, -3.0)}))
        save_calibration(memory, kept[-1])
    for at, byte in damage:
        memory.image[at] = byte
    assert load_calibration(memory)[0] in (*kept, Calibration())


def test_both_records_damaged_is_one_sentence_and_nominal_values():
    memory = FakeMemory()
    save_calibration(memory, Calibration({"V_OCT": Line(7.1, -3.0)}))
    memory.image[20] ^= 1
    calibration, said = load_calibration(memory)
    assert calibration == Calibration()
    assert "calibrate again" in said


def test_memory_that_cannot_be_read_is_one_sentence_and_nominal_values(tmp_path):
    (tmp_path / "calibration.bin").mkdir()
    calibration, said = load_calibration(FileMemory(tmp_path / "calibration.bin"))
    assert calibration == Calibration()
    assert said.startswith("nominal values are used, because the calibration cannot be read: ")


def test_calibration_that_does_not_fit_is_refused_and_a_file_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match="more than"):
        save_calibration(FakeMemory(), Calibration({f"{index:050}": NOMINAL for index in range(40)}))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be"):
        save_calibration(FileMemory(tmp_path / "file" / "calibration.bin"), Calibration())


def test_volts_are_nominal_until_measured():
    pins = load_pin_map()
    meter = Voltmeter(nominal_lines(pins), Calibration({"V_OCT": Line(8.0, -2.0)}))
    assert meter.of("V_OCT", 0.5) == 3.0
    assert meter.of("CV_X", 0.0) == pins.adc["CV_X"].volts_at_zero
    low, high = pins.dac["CV_A"].volts_at_zero, pins.dac["CV_A"].volts_at_full
    assert meter.share("CV_A", (low + high) / 2) == pytest.approx(0.5)
    assert meter.share("CV_A", 99.0) == 1.0


class Bench:
    """A circuit with errors, a source that a player patches, and the wizard."""

    def __init__(self, gain=1.0, offset_volts=0.0, noise_counts=0.0, seed=0):
        self.true = Line(7.0 * gain + offset_volts, -3.0 * gain + offset_volts)
        self.kept, self.now_s, self.noise = [], 0.0, noise_counts
        self.rng = np.random.default_rng(seed)
        self.wizard = Wizard(NOMINAL, self.kept.append)

    def share(self, volts, readings=16):
        counts = self.true.share(volts) * FULL_SCALE + self.rng.normal(0, self.noise, readings)
        return float(np.clip(np.round(counts) if self.noise else counts, 0, FULL_SCALE).mean() / FULL_SCALE)

    def patch(self, volts, spread_volts=0.0):
        self.wizard.push(self.now_s)
        for _ in range(READINGS):
            self.now_s += 0.001
            self.wizard.read(self.share(volts + spread_volts * self.rng.standard_normal()), self.now_s)


@given(st.floats(0.97, 1.03), st.floats(-0.15, 0.15))
def test_ideal_readings_calibrate_to_a_fifth_of_a_cent_from_minus_3_to_7_volts(gain, offset_volts):
    bench = Bench(gain, offset_volts)
    bench.wizard.begin(0.0)
    bench.patch(1.0)
    bench.patch(3.0)
    assert bench.wizard.step is Step.DONE
    assert not bench.kept
    bench.wizard.push(bench.now_s)
    line = bench.kept[0]
    for volts in np.linspace(-3, 7, 21):
        assert abs(line.volts(bench.true.share(volts)) - volts) * 1200 < 0.2


def test_readings_with_a_count_of_noise_calibrate_to_two_cents():
    worst = []
    for seed in range(20):
        bench = Bench(1.01, 0.02, noise_counts=1.0, seed=seed)
        bench.wizard.begin(0.0)
        bench.patch(1.0)
        bench.patch(3.0)
        bench.wizard.push(bench.now_s)
        errors = [bench.kept[0].volts(bench.true.share(volts)) - volts for volts in np.linspace(-3, 7, 21)]
        worst.append(np.abs(errors).max() * 1200)
    assert np.median(worst) < 0.5
    assert np.max(worst) < 2.0


@pytest.mark.parametrize(
    ("volts", "spread_volts", "said"),
    [(3.0, 0.0, "looks like 3.0 V"), (0.0, 0.0, "looks like 0.0 V"), (1.0, 0.1, "moves by")],
)
def test_what_cannot_be_the_voltage_is_refused_and_asked_for_again(volts, spread_volts, said):
    bench = Bench()
    bench.wizard.begin(0.0)
    bench.patch(volts, spread_volts)
    assert bench.wizard.step is Step.PATCH
    assert said in bench.wizard.text
    assert "patch 1 V" in bench.wizard.text
    bench.patch(1.0)
    assert "patch 3 V" in bench.wizard.text


def test_two_points_that_are_too_near_begin_again():
    bench = Bench()
    bench.wizard.begin(0.0)
    bench.patch(1.2)
    bench.patch(2.8)
    assert "apart instead of 2" in bench.wizard.text
    assert not bench.kept
    bench.patch(1.0)
    bench.patch(3.0)
    assert bench.wizard.step is Step.DONE


def test_cancel_at_any_step_changes_nothing():
    for pushes in range(3):
        bench = Bench()
        bench.wizard.begin(0.0)
        for volts in (1.0, 3.0)[:pushes]:
            bench.patch(volts)
        bench.wizard.cancel()
        bench.wizard.push(bench.now_s)
        assert (bench.wizard.step, bench.kept) == (Step.IDLE, [])


def test_nobody_pushing_ends_it_and_a_silent_converter_cannot_hang_it():
    bench = Bench()
    bench.wizard.begin(0.0)
    bench.wizard.read(0.5, TIMEOUT_S + 1)
    assert bench.wizard.step is Step.IDLE
    bench.wizard.begin(0.0)
    bench.wizard.push(0.0)
    bench.wizard.read(0.5, 3.0)
    assert bench.wizard.step is Step.PATCH
    assert "hardly answers" in bench.wizard.text


@given(st.lists(st.tuples(st.sampled_from(["begin", "push", "cancel", "read"]), st.floats(0, 1)), max_size=400))
def test_no_sequence_keeps_what_was_not_measured(actions):
    kept, now_s = [], 0.0
    wizard = Wizard(NOMINAL, kept.append)
    for action, share in actions:
        now_s += 0.01
        if action == "read":
            wizard.read(share, now_s)
        elif action == "cancel":
            wizard.cancel()
        else:
            getattr(wizard, action)(now_s)
    assert not kept


class Cable:
    """An output with errors, a cable to the pitch input, and the wizard; ``at`` says what the input sees."""

    def __init__(self, gain=1.0, offset_volts=0.0, noise_counts=0.0):
        self.nominal = Line(-2.0, 8.02)
        self.true = Line(-2.0 * gain + offset_volts, 8.02 * gain + offset_volts)
        self.meter, self.noise, self.rng = Line(7.1, -3.2), noise_counts, np.random.default_rng(1)
        self.kept, self.now_s = [], 0.0
        self.at = self.true.volts
        self.wizard = OutputWizard("CV A", self.nominal, self.meter, self.kept.append)
        self.drives = []

    def run(self, seconds):
        """Each millisecond a reading, and now and then (5 ms) the output follows."""
        volts = 0.0
        for tick in range(round(seconds * 1000)):
            self.now_s += 0.001
            if tick % 5 == 0 and self.wizard.drive is not None:
                self.drives.append(self.wizard.drive)
                volts = self.at(self.wizard.drive)
            counts = self.meter.share(volts) * FULL_SCALE + self.rng.normal(0, self.noise / 4)
            self.wizard.read(counts / FULL_SCALE, self.now_s)


@given(st.floats(0.97, 1.03), st.floats(-0.15, 0.15))
def test_output_calibrates_itself_by_the_pitch_input_after_one_push(gain, offset_volts):
    bench = Cable(gain, offset_volts)
    bench.wizard.begin(0.0)
    assert bench.wizard.text == "patch CV A into V/OCT, then push"
    assert bench.wizard.drive is None
    bench.wizard.push(0.0)
    bench.run(2 * (SETTLE_S + 0.001 * READINGS) + 0.05)
    assert bench.wizard.step is Step.DONE
    assert "mV off at worst; push to keep" in bench.wizard.text
    assert bench.wizard.drive is None
    assert not bench.kept
    bench.wizard.push(bench.now_s)
    for volts in np.linspace(-1.5, 7.5, 10):
        assert abs(bench.true.volts(bench.kept[0].share(volts)) - volts) < 1e-6


def test_output_is_within_a_tenth_of_a_percent_with_a_count_of_noise():
    bench = Cable(1.02, 0.05, noise_counts=1.0)
    bench.wizard.begin(0.0)
    bench.wizard.push(0.0)
    bench.run(1.0)
    bench.wizard.push(bench.now_s)
    worst = max(abs(bench.true.volts(bench.kept[0].share(volts)) - volts) for volts in np.linspace(-1.5, 7.5, 10))
    assert worst < 0.008


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (lambda drive: 0.0, "looks like 0.0 V"),  # No cable.
        (lambda drive: 3.3, "looks like 3.3 V"),  # The other output.
        (lambda drive: 1.0, "looks like 1.0 V"),  # A source that happens to be at the first point.
        (lambda drive: 1.2 + (drive > 0.5) * 3.45, "apart instead of 4"),
    ],
)
def test_what_cannot_be_the_output_is_refused_and_asked_for_again(at, said):
    bench = Cable()
    right, bench.at = bench.at, at
    bench.wizard.begin(0.0)
    bench.wizard.push(0.0)
    bench.run(1.0)
    assert said in bench.wizard.text
    assert "patch CV A into V/OCT" in bench.wizard.text
    assert (bench.wizard.step, bench.wizard.drive, bench.kept) == (Step.PATCH, None, [])
    bench.at = right
    bench.wizard.push(bench.now_s)
    bench.run(1.0)
    assert bench.wizard.step is Step.DONE


def test_output_is_let_go_by_cancel_by_a_silent_converter_and_by_time():
    bench = Cable()
    bench.wizard.begin(0.0)
    bench.wizard.push(0.0)
    bench.run(0.05)
    assert bench.wizard.drive is not None
    bench.wizard.cancel()
    assert bench.wizard.drive is None
    bench.wizard.begin(1.0)
    bench.wizard.push(1.0)
    bench.wizard.read(0.5, 1.0 + MEASURE_S + 0.1)
    assert (bench.wizard.step, bench.wizard.drive) == (Step.PATCH, None)
    assert "hardly answers" in bench.wizard.text
    bench.wizard.read(0.5, 3.1 + MEASURE_S + TIMEOUT_S)
    assert bench.wizard.step is Step.IDLE
    assert not bench.kept


def test_line_through_two_points():
    line = through({0.6: 1.0, 0.4: 3.0})
    assert line.volts(0.5) == pytest.approx(2.0)
    assert line.share(7.0) == pytest.approx(0.0)


class DeafMemory(FakeMemory):
    """Does not answer while it is ``deaf``."""

    deaf = True

    def read(self):
        if self.deaf:
            raise DeviceUnavailable("the EEPROM does not answer")
        return super().read()


def test_a_memory_that_answers_after_the_start_gives_its_calibration_two_seconds_later(tmp_path):
    memory, panel, face, now_s = DeafMemory(), FakePanel(), FakeFace(), 0.0
    memory.deaf = False
    save_calibration(memory, Calibration({"V_OCT": Line(6.0, -4.0)}))
    memory.deaf = True
    hardware, store = Hardware(memory, panel=panel, clock=lambda: now_s), SceneStore(DiskFiles(), tmp_path)
    console = build_console(hardware, store, Player(2, 2), None, AtOnce(), [face])
    panel.patch("V_OCT", 0.5)

    def volts_after(seconds):
        nonlocal now_s
        for _ in range(round(seconds * 100)):
            now_s += 0.01
            console.inputs.poll()
            console.answer(lambda _: View(), now_s)
        return face.see().pitch_volts

    assert volts_after(1.0) == pytest.approx(nominal_lines(load_pin_map())["V_OCT"].volts(0.5))
    memory.deaf = False
    assert volts_after(AGAIN_S) == pytest.approx(1.0)
    assert face.see().notice == "the measured lines could be read now and hold"
