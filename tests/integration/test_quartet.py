"""The factory bundle as a player meets it: pitch, latency, switching, blending, timbre, size."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_device.engine.crossfade import Crossfade, preroll
from tombola_device.engine.engine import Engine
from tombola_device.play.offline import BlendAutomation, PerformedEvent, render_performance
from tombola_device.play.player import Player
from tombola_host.evaluation.clicks import find_clicks, largest_jump, level_dip_db
from tombola_host.evaluation.pitch import cents_off, summarise
from tombola_host.evaluation.played import held_note
from tombola_host.export.graph import count_nodes

QUARTET = Path(__file__).parents[2] / "models/quartet/quartet.tombola"
SUSTAINED = ("sax", "violin", "flute")
COMMON_NOTE = 67
log = logging.getLogger(__name__)
"""The figures of docs/figures.md: shown with --log-cli-level=INFO."""
STILL = PerformedEvent(0.0, "set_life", (0.0,))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return decode_bundle(QUARTET.read_bytes())


@pytest.fixture(scope="module")
def names(bundle: Bundle) -> list[str]:
    return [mode.name for mode in bundle.manifest.modes]


def one_hot(bundle: Bundle, mode: int) -> tuple[float, ...]:
    return tuple(float(index == mode) for index in range(len(bundle.manifest.modes)))


def test_quartet_is_four_modes_in_at_most_16_000_parameters_and_27_nodes(bundle, names):
    assert names == ["sax", "violin", "flute", "harp"]
    cost = bundle.manifest.cost
    model = onnx.load_from_string(bundle.graphs["frame"])
    learned = sum(
        int(np.prod(tensor.dims)) for tensor in model.graph.initializer if tensor.name.startswith("generator.")
    )
    assert 14_000 < cost.parameters <= 16_000
    assert learned <= cost.parameters
    assert cost.nodes == count_nodes(model) <= 27
    assert cost.state_tensors == 2
    assert QUARTET.stat().st_size <= 400_000
    assert bundle.manifest.delay_samples == 0


def test_pitch_is_within_3_cents_at_the_median_and_10_at_95_percent(bundle):
    cents = []
    for mode, described in enumerate(bundle.manifest.modes):
        low, high = described.note_range
        for note in np.linspace(max(low, 40), min(high, 90), 4).round():
            cents.append(cents_off(held_note(bundle, mode, float(note), seconds=1.0, life=0.0), float(note)))
    error = summarise(cents)
    assert error.median_cents <= 3
    assert error.p95_cents <= 10


def test_first_sound_leaves_within_the_period_of_the_note(bundle):
    for mode, described in enumerate(bundle.manifest.modes):
        for note in described.note_range:
            sound = held_note(bundle, mode, round(note), seconds=0.02)
            assert np.abs(sound[:PERIOD_SAMPLES]).max() > 1e-5, (described.name, note)


def test_mode_switches_do_not_click(bundle, names):
    """Compare program changes on a held note, at several moments, with the largest steps of the two modes alone.

    A click is a corner: a change of the step. The steps between two modes may be a little larger than those of either.
    """
    for first, second in ((0, 1), (1, 2), (2, 0), (0, 3)):
        worst, corner = 0.0, 0.0
        for at_s in (0.8, 0.9, 1.0, 1.1, 1.2, 1.4):
            events = [
                PerformedEvent(0.0, "program_change", (first,)),
                PerformedEvent(0.0, "note_on", (COMMON_NOTE, 0.8)),
                PerformedEvent(at_s, "program_change", (second,)),
            ]
            clicks = find_clicks(render_performance(bundle, events, seconds=2.2, voices=1), [at_s])
            worst, corner = max(worst, clicks.jump_ratio), max(corner, clicks.bend / clicks.own_bend)
        log.info(
            "switch %s to %s: steps %.2f, corners %.2f of the sound's own", names[first], names[second], worst, corner
        )
        assert worst <= 1.1, (names[first], names[second])
        assert corner <= 1.0, (names[first], names[second])


def test_bundle_swap_under_held_notes_jumps_no_more_than_the_same_notes_without_a_swap(bundle):
    """The fifth beats, so its steepness varies with time: compare the same stretch of time without a swap."""
    swapped, plain = held_fifth(bundle, swap=True), held_fifth(bundle, swap=False)
    assert not np.array_equal(swapped, plain)
    log.info("swap: jump %.2f of the same notes without one", largest_jump(swapped) / largest_jump(plain))
    assert largest_jump(swapped) <= largest_jump(plain)


def held_fifth(bundle: Bundle, *, swap: bool) -> np.ndarray:
    player = Player(len(bundle.manifest.modes), 2)
    player.note_on(60, 0.8)
    player.note_on(COMMON_NOTE, 0.8)
    crossfade, controls = Crossfade(Engine(bundle, 2)), player.controls()
    sound = np.zeros(int(2 * FRAME_RATE_HZ) * PERIOD_SAMPLES, np.float32)
    for frame in range(len(sound) // PERIOD_SAMPLES):
        if swap and frame == int(FRAME_RATE_HZ):
            coming = Engine(bundle, 2)
            preroll(coming, lambda: controls)
            crossfade.swap(coming)
        crossfade.render(controls, sound[frame * PERIOD_SAMPLES : (frame + 1) * PERIOD_SAMPLES])
    assert not crossfade.fading
    return sound


@pytest.mark.parametrize(("first", "second"), [("sax", "violin"), ("violin", "flute"), ("flute", "sax")])
def test_level_dips_by_at_most_1_db_over_a_blend_sweep(bundle, names, first, second):
    ends = one_hot(bundle, names.index(first)), one_hot(bundle, names.index(second))
    way = BlendAutomation((0.0, 1.0, 3.0, 4.0), (ends[0], ends[0], ends[1], ends[1]))
    sound = render_performance(
        bundle,
        [STILL, PerformedEvent(0.0, "note_on", (COMMON_NOTE, 0.8))],
        blend=way,
        seconds=4.0,
        voices=1,
        headroom_db=0.0,
    )
    dip_db = level_dip_db(sound, [0.8, 3.3])
    log.info("sweep %s to %s: dip %.2f dB", first, second, dip_db)
    assert dip_db <= 1.0


@pytest.mark.parametrize("axis", [0, 1])
def test_timbre_is_heard_and_moves_without_steps(bundle, names, axis):
    """From end to end the spectrum changes by several dB; between neighbours (1/32 of the range) only a little."""
    for mode in range(len(names)):
        positions = np.linspace(0, 1, 33)
        spectra = np.array([_spectrum(bundle, mode, axis, float(position)) for position in positions])
        whole = np.abs(spectra[-1] - spectra[0]).mean()
        steps = np.abs(np.diff(spectra, axis=0)).mean(axis=1)
        assert whole > 1.0, (names[mode], whole)
        assert steps.max() < 0.25 * whole + 0.25, (names[mode], steps.max(), whole)


def _spectrum(bundle: Bundle, mode: int, axis: int, position: float) -> np.ndarray:
    """The first 20 partials in dB of a held note."""
    events = [
        PerformedEvent(0.0, "program_change", (mode,)),
        PerformedEvent(0.0, "set_timbre", (axis, position)),
        PerformedEvent(0.0, "note_on", (COMMON_NOTE, 0.8)),
    ]
    sound = render_performance(bundle, events, seconds=0.5, voices=1)[-8192:]
    f0_hz = 440 * 2 ** ((COMMON_NOTE - 69) / 12)
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    bins = (np.arange(1, 21) * f0_hz * len(sound) / SAMPLE_RATE_HZ).round().astype(int)
    return np.asarray(10 * np.log10([power[bin_ - 2 : bin_ + 3].sum() + 1e-9 for bin_ in bins]))


def test_stolen_sounding_voice_does_not_click(bundle, names):
    """Compare with the same keys on enough voices, whose attacks are equally sharp."""
    keys = [(0.3 * index, 48 + 5 * index % 29) for index in range(12)]
    for mode in range(len(names)):
        events = [STILL, PerformedEvent(0.0, "program_change", (mode,))]
        events += [PerformedEvent(time_s, "note_on", (note, 0.8)) for time_s, note in keys]
        taken, plain = (render_performance(bundle, events, seconds=4.0, voices=voices) for voices in (2, 12))
        assert largest_jump(taken) <= largest_jump(plain), names[mode]
        assert find_clicks(taken, [time_s for time_s, _ in keys[2:]]).jump <= largest_jump(plain), names[mode]
