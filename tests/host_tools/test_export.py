from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tombola_device.contract.manifest import Envelope, Mode, decode_manifest, encode_manifest
from tombola_device.engine.graph_check import check_graph
from tombola_host import export
from tombola_host.export import PARITY, ExportError, check_parity, count_nodes, export_bundle, export_onnx, state_names
from tombola_host.merging.core import MergedSize

ENVELOPE = Envelope([0.0, 0.1], [-30.0, -20.0], 0.0, -200.0)


def described(name):
    return Mode(name, "#e8a33d", (50.0, 70.0), ENVELOPE, (-1.0, 0.0, 1.0), (-1.0, 0.0, 1.0))


@pytest.fixture(scope="module")
def network(voice):
    return voice(2, hidden=10, activity=MergedSize(input=10, core=6, specialists=2).activity(2))


@pytest.fixture(scope="module")
def graph(network):
    return export_onnx(network)


@pytest.mark.parametrize("voices", [1, 3, 8])
def test_the_graph_plays_what_the_torch_step_plays_for_any_number_of_voices(network, graph, moving, hiss, voices):
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    controls, noise = moving(voices, 12, 2, voices), hiss(voices, 12)
    torch_state = network.rest(voices)
    graph_state = [tensor.numpy() for tensor in torch_state]
    for frame in range(12):
        with torch.no_grad():
            sound, torch_state = network.step(controls[:, frame], torch_state, noise[:, frame : frame + 1])
        feeds = {"controls": controls[:, frame].numpy(), "noise": noise[:, frame : frame + 1].numpy()}
        played, *graph_state = session.run(None, feeds | dict(zip(state_names(network), graph_state, strict=True)))
        assert np.abs(played - sound.numpy()).max() < PARITY


def test_the_graph_has_at_most_46_nodes_and_carries_each_part_of_its_state(network, graph):
    model = onnx.load_from_string(graph)
    states = state_names(network)
    assert count_nodes(model) <= 46
    assert {value.name for value in model.graph.input} == {"controls", "noise", *states}
    assert [value.name for value in model.graph.output] == ["audio", *(f"{name}_out" for name in states)]


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
    monkeypatch.setattr(export, "MOST_NODES", 20)
    with pytest.raises(ExportError, match="simplify the generator's step"):
        export_onnx(network)


def test_the_manifest_says_what_was_measured(network, graph):
    bundle = export_bundle(network, "two", "voice", [described("a"), described("b")], {"seed": 3}, "CC0")
    manifest = decode_manifest(encode_manifest(bundle.manifest))
    assert manifest.graph.state_size == sum(tensor.numel() for tensor in network.rest(1))
    assert manifest.cost.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert manifest.cost.onnx_bytes == len(bundle.onnx) == len(graph)
    assert (manifest.cost.state_tensors, manifest.delay_samples) == (5, 0)
    assert manifest.provenance["seed"] == 3
    assert float(manifest.provenance["parity_streamed"]) < PARITY
