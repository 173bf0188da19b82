"""What ngspice says of the declared parts."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("ngspice")


@pytest.fixture(scope="module")
def measures(kicad_libraries):
    from tombola_hardware.simulation import measures

    return measures


@pytest.mark.parametrize(("index", "low", "high"), [(0, -3.0, 6.5), (1, -5.0, 10.0)])
def test_input_stays_within_5_to_95_percent_of_the_reference_over_its_range(board, measures, index, low, high):
    found = measures.cv_transfer(board, index, step_volts=0.5)
    inside = (found["volts"] >= low) & (found["volts"] <= high)
    assert found["adc"][inside].min() >= 0.045 * 3.0
    assert found["adc"][inside].max() <= 0.955 * 3.0


@pytest.mark.parametrize("index", [0, 1])
def test_input_is_what_the_pin_map_says_within_a_millivolt(board, measures, index):
    from tombola_hardware.instrument import CV_INPUTS
    from tombola_hardware.sheets.inputs import range_of

    found = measures.cv_transfer(board, index, step_volts=0.5)
    kind = range_of(CV_INPUTS[index])
    share = found["adc"] / 3.0
    told = kind.volts_at_zero + share * (kind.volts_at_full - kind.volts_at_zero)
    inside = (share > 0.05) & (share < 0.95)
    assert np.abs(told - found["volts"])[inside].max() < 1e-3


def test_inputs_survive_24_volts_with_a_quarter_milliampere(board, measures):
    found = measures.cv_transfer(board)
    assert np.abs(found["amps"]).max() <= 0.25e-3
    # Within what an MCP6004 input bears beyond its rails (DS21733: 1 V).
    assert found["node"].min() >= -1.0
    assert found["node"].max() <= 3.3 + 1.0
    assert found["adc"].min() >= -0.1
    assert found["adc"].max() <= 3.4


@pytest.mark.parametrize("index", [0, 1])
def test_inputs_pass_envelopes_and_stop_aliases(board, measures, index):
    assert 1500 < measures.cv_bandwidth(board, index) < 2500


def test_pitch_is_within_a_cent_on_19_boards_of_20_after_a_two_point_calibration_and_10_kelvin(board, measures):
    volts, cents = measures.pitch_error_cents(board, draws=300)
    assert (volts[0], volts[-1]) == (-3.0, 6.5)
    worst = np.abs(cents).max(axis=1)
    assert np.percentile(worst, 95) <= 1.0
    assert worst.max() <= 1.5


def test_the_channel_before_moves_pitch_by_less_than_a_tenth_of_a_cent_once_a_reading_is_discarded(board, measures):
    assert measures.crosstalk_cents(board, discarded=1) < 0.1
    # 1 kΩ instead of 330 Ω, and nothing discarded: the model sees what it should.
    from tombola_hardware.oracle import mutants

    slow = mutants.value(board, "R313", "1k").board
    assert measures.crosstalk_cents(slow, discarded=0) == pytest.approx(3.4, abs=0.3)


def test_pitch_is_within_a_cent_on_19_boards_of_20_with_a_typical_converter(board, measures):
    """And the honest rest: one at its limit in every code misses a cent when it is calibrated at 1 and 3 V."""
    volts, cents = measures.pitch_error_cents(board, draws=300)

    def worst(lsb, points=(1.0, 3.0)):
        total = measures.pitch_total_cents(volts, cents, lsb=lsb, points=points)
        return np.percentile(np.abs(total).max(axis=1), 95)

    assert worst(measures.CONVERTER_TYPICAL_LSB) <= 0.9
    assert 1.0 < worst(measures.CONVERTER_LSB) <= 1.7
    assert worst(measures.CONVERTER_LSB, (0.0, 5.0)) <= 1.1
    # An MCP3208, which was here before: ±1 of its steps are ±16 of these.
    assert worst(16.0) > 10.0
    assert np.allclose(measures.pitch_total_cents(volts, cents, lsb=0.0), cents)


def test_worse_resistors_make_pitch_worse(board, measures):
    """The Monte Carlo sees what it should: with 50 ppm/K it fails."""
    _, cents = measures.pitch_error_cents(board, draws=100, drift=measures.Drift(resistor_ppm=50.0))
    assert np.percentile(np.abs(cents).max(axis=1), 95) > 3.0


def test_gate_switches_between_1_and_2_volts_and_survives_minus_12(board, measures):
    assert 1.0 < measures.gate_threshold_volts(board) < 2.0
    found = measures.gate(board)
    # Well inside the 5 V that break a base down backwards.
    assert np.interp(-12, found["volts"], found["base"]) > -1.0
    assert found["gpio"].max() <= 3.3 + 1e-6
    assert found["gpio"].min() >= -0.1


def test_gate_out_is_5_volts(board, measures):
    low, high = measures.gate_out_volts(board)
    assert low < 0.1
    assert 4.5 < high <= 5.0


def test_audio_is_10_volts_peak_to_peak_within_half_a_decibel(board, measures):
    level = measures.audio_volts(board)
    assert abs(20 * np.log10(level / 10.0)) <= 0.5


def test_audio_loses_less_than_3_decibels_from_10_hertz_to_20_kilohertz(board, measures):
    found = measures.audio(board)
    heard = (found["hz"] >= 10) & (found["hz"] <= 20_000)
    assert np.ptp(found["db"][heard]) < 0.5
    assert found["db"][-1] < found["db"][0] - 10


def test_cv_output_is_exact_from_1_to_100_kiloohm(board, measures):
    from tombola_hardware.sheets.outputs import volts_out

    light, heavy = (measures.cv_out(board, load)["volts"] for load in (100e3, 1e3))
    assert np.abs(light - heavy).max() < 1e-3
    assert light[0] == pytest.approx(volts_out()[0], abs=2e-3)
    assert light[-1] == pytest.approx(volts_out()[1], abs=2e-3)
    assert light[0] <= -1.99
    assert light[-1] >= 8.0


def test_cv_output_does_not_ring_into_a_cable_of_1_nanofarad(board, measures):
    volts = measures.cv_out_step(board, 1e-9)["volts"]
    assert volts.max() <= volts[-1] + 0.05 * (volts[-1] - volts[0])


def test_power_the_wrong_way_round_does_nothing(board, measures):
    found = measures.reversed_power(board)
    assert abs(found["i(Vp)"]) < 1e-3
    assert abs(found["i(Vm)"]) < 1e-3
    assert abs(found["v(p12v)"]) < 0.3
    assert abs(found["v(m12v)"]) < 0.3


@pytest.mark.parametrize(("rise_s", "share"), [(1e-4, 0.35), (1e-3, 0.4), (5e-3, 0.5)])
def test_soft_start_takes_away_most_of_the_inrush(board, measures, rise_s, share):
    """The same case and converter with Q11 bridged: what a soft start that does nothing would draw."""
    without = measures.inrush(board, rise_s, limited=False)["amps"].max()
    found = measures.inrush(board, rise_s)
    assert found["amps"].max() < share * without
    assert found["volts"][-1] > 11.0


def test_switching_on_draws_no_more_than_running_with_a_case_up_in_a_millisecond(board, measures):
    found = measures.inrush(board, 1e-3)
    assert found["amps"].max() < 1.1 * found["amps"][-1]
