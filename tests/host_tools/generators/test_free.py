from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.free import Tracks
from tombola_host.export.graph import count_nodes, export_onnx
from tombola_host.export.parity import PARITY, check_parity
from tombola_host.generators import family_named
from tombola_host.generators.voice.export import VoiceExport
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.merging.size import MergedSize

FIRST, SECOND = (
    Tracks((math.log(2.8), math.log(5.4)), (0.0, -0.004)),
    Tracks((math.log(3.5), math.log(9.0)), (0.0, 0.0)),
)


@pytest.fixture
def bells() -> Voice:
    """Two modes with two free partials, random weights."""
    torch.manual_seed(0)
    network = Voice(2, VoiceSize(12, 12, 2)).eval()
    network.free.tell(0, FIRST)
    network.free.tell(1, SECOND)
    return network


@pytest.fixture
def ringing(bells) -> Voice:
    """Nothing but the first free partial of either mode."""
    with torch.no_grad():
        bells.head.weight.zero_()
        bells.spectrum.fill_(-40.0)
        bells.spectrum[:, -2] = 0.0
    return bells


def heard_hz(sound: torch.Tensor) -> float:
    spectrum = np.abs(np.fft.rfft(sound.numpy() * np.hanning(len(sound)), 1 << 20))
    return float(spectrum.argmax()) * SAMPLE_RATE_HZ / (1 << 20)


def test_offline_is_streamed_and_resumed_with_free_partials(bells, moving, hiss):
    controls, noise = moving(2, 40, 2, 1), hiss(2, 40, 1)
    with torch.no_grad():
        whole, last = bells.render(controls, noise)
        state, parts = bells.rest(2), []
        for frame in range(40):
            audio, state = bells.step(controls[:, frame], state, noise[:, frame : frame + 1])
            parts.append(audio.flatten(1))
        first, between = bells.render(controls[:, :13], noise[:, :13])
        rest, _ = bells.render(controls[:, 13:], noise[:, 13:], None, between)
    assert float((torch.cat(parts, 1) - whole).abs().max()) < 2e-4
    assert float((torch.cat([first, rest], 1) - whole).abs().max()) < 5e-5
    assert [tensor.shape for tensor in state] == [tensor.shape for tensor in last]


def test_exported_graph_sounds_the_same_with_15_nodes_more_and_gates_cost_one(bells):
    nodes = []
    size = VoiceSize(12, 12)
    gated = Voice(2, size, MergedSize(12, 8, 2).activity(2)).eval()
    for network in (bells, Voice(2, size).eval(), gated):
        graph = VoiceExport(network).graphs()["frame"]
        written = export_onnx(graph)
        parity = check_parity(graph, written)
        assert max(parity.onnx, parity.streamed) <= PARITY
        nodes.append(count_nodes(onnx.load_from_string(written)))
    assert nodes == [41, 26, 27]
    assert [Voice(2, size).state_shapes["trunk"], gated.state_shapes["trunk"]] == [(12,), (14,)]


def test_a_free_partial_sounds_at_its_ratio_and_along_a_blend_in_between(ringing, held, hiss):
    f0_hz = 440 * 2 ** ((60 - 69) / 12)
    for blend, ratio in (((1.0, 0.0), 2.8), ((0.0, 1.0), 3.5), ((0.5, 0.5), math.sqrt(2.8 * 3.5))):
        with torch.no_grad():
            sound = ringing.render(held(375, 60.0, blend), hiss(1, 375))[0][0]
        assert abs(1200 * math.log2(heard_hz(sound[4 * PERIOD_SAMPLES :]) / (ratio * f0_hz))) < 1
        level_db = 10 * math.log10(float(sound[4 * PERIOD_SAMPLES :].square().mean()))
        assert level_db == pytest.approx(-20.0, abs=0.1)
        steepest = math.sqrt(2) * 0.1 * 2 * math.pi * ratio * f0_hz / SAMPLE_RATE_HZ
        assert float(sound.diff().abs().max()) < 1.05 * steepest


def test_a_free_partial_that_would_alias_is_lowered_to_silence_where_its_track_ends(ringing, held):
    ringing.free.gain[0, 0] = -0.004
    for note, below_hz, least, most in ((120.0, 19_500, 1.0, 1.0), (122.0, 22_000, 0.0, 0.0)):
        hz = 440 * 2 ** ((note - 69) / 12) * 2.8 * math.exp(-0.004 * (note - 60))
        assert below_hz - 2_000 < hz < below_hz
        weight = float(ringing.audible(ringing.note_and_level(held(1, note, (1.0, 0.0))))[..., -2])
        assert least <= weight <= most


def test_sizes_weights_and_merging_carry_the_free_partials(bells):
    family = family_named("voice")
    assert Voice.of(bells.state_dict()).size == bells.size
    assert family.merged_size({"input": 4, "trunk": 5, "free": 2}) == VoiceSize(4, 5, 2)
    alone = [Voice(1, VoiceSize(12, 12, 2)) for _ in range(2)]
    for network, tracks in zip(alone, (FIRST, SECOND), strict=True):
        network.free.tell(0, tracks)
    merged = family.joined(alone[0].state_dict(), torch.ones(2, 12), [network.state_dict() for network in alone])
    assert torch.equal(merged.free.log_ratio, bells.free.log_ratio)
    assert torch.equal(merged.free.gain, bells.free.gain)


def test_a_voice_without_free_partials_has_the_tensors_it_had(voice):
    network = voice(2)
    assert network.free is None
    assert not [name for name in network.state_dict() if "free" in name]
    assert network.head.out_features == PARTIALS + NOISE_BANDS
    assert list(network.state_shapes) == ["trunk", "wave"]
