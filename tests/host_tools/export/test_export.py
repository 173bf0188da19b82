from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
import torch
from tombola_device.contract.manifest import UNREAD, Envelope, Mode, decode_manifest, encode_manifest
from tombola_device.engine.graph_check import check_graph
from tombola_device.engine.noise import overlapping
from tombola_device.engine.session import Session
from tombola_host.export import graph as graphs
from tombola_host.export.bundle import export_bundle
from tombola_host.export.graph import ExportError, count_nodes, export_onnx, state_names
from tombola_host.export.parity import PARITY, check_parity
from tombola_host.merging.size import MergedSize

ENVELOPE = Envelope([0.0, 0.1], [-30.0, -20.0], 0.0, -200.0)


def described(name):
    return Mode(name, "#e8a33d", (50.0, 70.0), ENVELOPE, (-1.0, 0.0, 1.0), (-1.0, 0.0, 1.0))


@pytest.fixture(scope="module")
def network(voice):
    return voice(2, hidden=10, activity=MergedSize(shared=10, core=6, specialists=2).activity(2))


@pytest.fixture(scope="module")
def graph(network):
    return export_onnx(network)


@pytest.mark.parametrize("voices", [1, 3, 8])
def test_the_device_plays_what_the_torch_step_plays_for_any_number_of_voices(network, moving, hiss, voices):
    bundle = export_bundle(network, "two", "voice", [described("a"), described("b")], {}, "CC0")
    session = Session(bundle.onnx, bundle.manifest, voices)
    controls, noise = moving(voices, 12, 2, voices), hiss(voices, 13)
    state = network.rest(voices)
    for frame in range(12):
        with torch.no_grad():
            sound, state = network.step(controls[:, frame], state, noise[:, frame : frame + 1])
        session.controls[:] = controls[:, frame]
        session.noise[:] = overlapping(noise[:, frame].numpy(), noise[:, frame + 1].numpy())
        session.run(voices)
        for voice in range(voices):
            assert np.abs(session.sound.of(voice) - sound[voice].flatten().numpy()).max() < PARITY


def test_the_graph_has_at_most_26_nodes_and_an_odd_number_of_inputs(network, graph):
    """Of an even number onnxruntime would mix up the plans of memory for different numbers of voices."""
    model = onnx.load_from_string(graph)
    states = state_names(network)
    assert count_nodes(model) <= 26
    names = {value.name for value in model.graph.input}
    assert names - {UNREAD} == {"controls", "motion", "level", "noise", *states}
    assert len(names) % 2 == 1
    assert [value.name for value in model.graph.output] == ["audio", "overlap", *(f"{name}_out" for name in states)]


def test_the_graph_is_complete_in_itself_and_of_standard_operators(graph):
    check_graph(graph)


def test_the_same_network_gives_the_same_bytes(network, graph):
    assert export_onnx(network) == graph


def test_parity_is_measured_and_a_graph_of_another_network_is_refused(network, graph, voice):
    parity = check_parity(network, graph)
    assert max(parity.onnx, parity.streamed) < PARITY
    other = voice(2, hidden=10, seed=5, activity=network.activity)
    with pytest.raises(ExportError, match="differs from its network"):
        check_parity(other, graph)


def test_a_graph_of_too_many_nodes_is_refused(network, monkeypatch):
    monkeypatch.setattr(graphs, "MOST_NODES", 20)
    with pytest.raises(ExportError, match="simplify the generator's step"):
        export_onnx(network)


def test_the_manifest_says_what_was_measured(network, graph):
    bundle = export_bundle(network, "two", "voice", [described("a"), described("b")], {"seed": 3}, "CC0")
    manifest = decode_manifest(encode_manifest(bundle.manifest))
    assert manifest.graph.state_size == sum(math.prod(shape) for shape in network.state_shapes.values())
    assert manifest.cost.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert manifest.cost.onnx_bytes == len(bundle.onnx) == len(graph)
    assert (manifest.cost.state_tensors, manifest.delay_samples) == (2, 0)
    assert manifest.provenance["seed"] == 3
    assert float(manifest.provenance["parity_streamed"]) < PARITY
