from __future__ import annotations

import math

import msgspec
import numpy as np
import onnx
import pytest
import torch
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import TIMBRE, UNREAD, block_graph, onset_graph
from tombola_device.contract.manifest import Envelope, Mode, decode_manifest, encode_manifest
from tombola_device.engine.engine import Engine
from tombola_device.engine.graph_check import check_graph
from tombola_device.engine.noise import overlapping
from tombola_device.engine.session import Session
from tombola_device.play.player import Player
from tombola_host.export import graph as graphs
from tombola_host.export.bundle import export_bundle
from tombola_host.export.graph import ExportError, count_nodes, export_onnx, state_name
from tombola_host.export.parity import PARITY, check_parity
from tombola_host.generators.exportable import ExportedGraph
from tombola_host.generators.voice.export import VoiceExport
from tombola_host.generators.voice.spectrum import SCALARS
from tombola_host.merging.size import MergedSize
from torch import nn

ENVELOPE = Envelope([0.0, 0.1], [-30.0, -20.0], 0.0, -200.0)


def described(name):
    return Mode(name, "#e8a33d", (50.0, 70.0), ENVELOPE, dict.fromkeys(TIMBRE, (-1.0, 0.0, 1.0)))


@pytest.fixture(scope="module")
def network(voice):
    network = voice(2, hidden=10, activity=MergedSize(shared=10, core=6, specialists=2).activity(2))
    network.directions[:] = 0.3 * torch.randn(network.directions.shape)
    return network


@pytest.fixture(scope="module")
def exported(network):
    return VoiceExport(network).graphs()["frame"]


@pytest.fixture(scope="module")
def graph(exported):
    return export_onnx(exported)


@pytest.mark.parametrize("voices", [1, 3, 8])
def test_the_device_plays_what_the_torch_step_plays_for_any_number_of_voices(network, moving, hiss, voices):
    bundle = export_bundle(VoiceExport(network), "two", "voice", [described("a"), described("b")], {}, "CC0")
    session = Session(bundle.graphs["frame"], bundle.manifest.graphs["frame"], voices)
    controls, noise = moving(voices, 12, 2, voices), hiss(voices, 13)
    own = 0.4 * torch.randn((voices, 12, network.directions.shape[1]))
    shade = network.shade_of(controls[..., SCALARS:], own)
    state = network.rest(voices)
    for frame in range(12):
        with torch.no_grad():
            sound, state = network.step(controls[:, frame], state, noise[:, frame : frame + 1], shade[:, frame])
        session.controls[:], session.shade[:] = controls[:, frame], shade[:, frame]
        session.noise[:] = overlapping(noise[:, frame].numpy(), noise[:, frame + 1].numpy())
        session.run(voices)
        for voice in range(voices):
            assert np.abs(session.sound.of(voice) - sound[voice].flatten().numpy()).max() < PARITY


def test_the_graph_has_at_most_27_nodes_and_an_odd_number_of_inputs(network, graph):
    """With an even number of inputs onnxruntime confuses its memory plans for different numbers of voices."""
    model = onnx.load_from_string(graph)
    states = [state_name(name) for name in network.state_shapes]
    assert count_nodes(model) <= 27
    names = {value.name for value in model.graph.input}
    assert names - {UNREAD} == {"controls", "motion", "level", "noise", "shade", *states}
    assert len(names) % 2 == 1
    assert [value.name for value in model.graph.output] == ["audio", "overlap", *(f"{name}_out" for name in states)]


def test_the_graph_is_complete_in_itself_and_of_standard_operators(graph):
    check_graph(graph)


def test_the_same_network_gives_the_same_bytes(exported, graph):
    assert export_onnx(exported) == graph


def test_parity_is_measured_and_a_graph_of_another_network_is_refused(network, exported, graph, voice):
    parity = check_parity(exported, graph)
    assert max(parity.onnx, parity.streamed) < PARITY
    other = voice(2, hidden=10, seed=5, activity=network.activity)
    with pytest.raises(ExportError, match="differs from its network"):
        check_parity(VoiceExport(other).graphs()["frame"], graph)


def test_a_graph_of_too_many_nodes_is_refused(exported, monkeypatch):
    monkeypatch.setattr(graphs, "MOST_NODES", 20)
    with pytest.raises(ExportError, match="simplify the generator's step"):
        export_onnx(exported)


def test_the_manifest_says_what_was_measured(network, graph):
    bundle = export_bundle(VoiceExport(network), "two", "voice", [described("a"), described("b")], {"seed": 3}, "CC0")
    manifest = decode_manifest(encode_manifest(bundle.manifest))
    assert manifest.graphs["frame"].state_size == sum(math.prod(shape) for shape in network.state_shapes.values())
    assert manifest.cost.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert manifest.cost.onnx_bytes == len(bundle.graphs["frame"]) == len(graph)
    assert (manifest.cost.state_tensors, manifest.delay_samples) == (2, 0)
    assert manifest.provenance["seed"] == 3
    assert float(manifest.provenance["parity_streamed"]) < PARITY


# Networks that are not like ``voice``


class Leaky(nn.Module):
    """State of one value, no noise, no motion: a level that follows the control, on a fixed wave."""

    def __init__(self, modes: int = 1) -> None:
        super().__init__()
        self.wave = nn.Parameter(torch.sin(torch.arange(128) * torch.pi / 8))
        self.mix = nn.Linear(7 + modes, 1)

    def forward(self, controls, level):
        after = 0.9 * level + 0.1 * torch.sigmoid(self.mix(controls))
        return after * self.wave, after


class Baked(Leaky):
    """The same, with the number of voices written into the graph when it is traced."""

    def forward(self, controls, level):
        sound, after = super().forward(controls, level)
        return sound.reshape(int(controls.shape[0]), 1, 128), after


class Louder(Leaky):
    """Plays with any number of voices, but at the level for the number of voices during tracing."""

    def forward(self, controls, level):
        sound, after = super().forward(controls, level)
        return sound / int(controls.shape[0]), after


class Neighbourly(Leaky):
    """Adds the mean of all voices to each voice."""

    def forward(self, controls, level):
        sound, after = super().forward(controls, level)
        return sound + 0.1 * sound.mean(dim=0, keepdim=True), after


class Struck(nn.Module):
    """A whole hit, once for each onset: residual convolutions over a learned start."""

    def __init__(self, modes: int = 1, samples: int = 4096) -> None:
        super().__init__()
        self.start = nn.Linear(4 + modes, 8 * samples // 64)
        self.up = nn.Upsample(scale_factor=4)
        self.first, self.second = nn.Conv1d(8, 8, 5, padding=2), nn.Conv1d(8, 8, 5, padding=2)
        self.norm = nn.GroupNorm(1, 8)
        self.last = nn.Conv1d(8, 1, 5, padding=2)
        self.samples = samples

    def forward(self, controls):
        hidden = torch.relu(self.start(controls / 60)).reshape(-1, 8, self.samples // 64)
        for layer in (self.first, self.second):
            hidden = self.up(hidden)
            hidden = hidden + torch.relu(self.norm(layer(hidden)))
        return torch.tanh(self.last(self.up(hidden)))


class Family:
    """An Exportable of given graphs."""

    def __init__(self, **graphs):
        self._graphs = graphs

    def graphs(self):
        return self._graphs


def frame(module, modes=1):
    return ExportedGraph(module, block_graph(modes, state_size=1), {"level": (1,)})


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_a_network_without_noise_and_motion_is_exported_without_an_edit():
    bundle = export_bundle(Family(frame=frame(Leaky())), "leaky", "toy", [described("a")], {}, "CC0")
    graph = bundle.manifest.graphs["frame"]
    assert (graph.noise_bands, graph.motion, graph.overlap, graph.state_size) == (0, False, False, 1)
    assert bundle.manifest.cost.parameters == 128 + 9
    assert float(bundle.manifest.provenance["parity_onnx"]) < 1e-6


@pytest.mark.parametrize("module", [Baked, Louder])
def test_a_graph_into_which_the_number_of_voices_is_baked_is_refused_by_the_export(module):
    with pytest.raises(ExportError, match="baked in|with 1 voice"):
        export_bundle(Family(frame=frame(module())), "baked", "toy", [described("a")], {}, "CC0")


def test_a_graph_that_mixes_voices_is_refused_by_the_export():
    with pytest.raises(ExportError, match="sounds different beside 15 others than alone"):
        export_bundle(Family(frame=frame(Neighbourly())), "choir", "toy", [described("a")], {}, "CC0")


def test_hits_and_tones_of_one_family_become_one_bundle_that_plays():
    struck = Mode("struck", "#102030", (36.0, 96.0), gate="one_shot", graph="onset")
    onset = ExportedGraph(Struck(), onset_graph(1, 4096))
    family = Family(frame=frame(Leaky()), onset=onset)
    bundle = export_bundle(family, "both", "toy", [described("a"), struck], {}, "CC0")
    engine, player = Engine(bundle, 2), Player(2, 2)
    player.program_change(1)
    player.note_on(60, 1.0)
    out = np.zeros(4096, np.float32)
    engine.render(player.controls(), out)
    with torch.no_grad():
        made = onset.module(torch.tensor([[60.0, 1.0, 0.0, 0.0, 1.0]])).flatten().numpy()
    assert np.abs(made).max() > 1e-3
    # The DC block slowly follows this untrained network's offset.
    np.testing.assert_allclose(out[:1024], 0.501 * made[:1024], atol=0.05 * np.abs(made).max())


def test_a_declared_delay_is_accepted_and_an_undeclared_one_is_found():
    module = Leaky()

    def late(delay_samples):
        def offline(given):
            controls = given.controls
            level, blocks = torch.zeros(len(controls), 1), []
            for at in range(controls.shape[1]):
                sound, level = module(controls[:, at], level)
                blocks.append(sound)
            return torch.cat(blocks, dim=1)[:, 128:]  # The stream is a block later.

        graph = block_graph(1, state_size=1)
        graph = msgspec.structs.replace(graph, delay_samples=delay_samples)
        return ExportedGraph(module, graph, {"level": (1,)}, lambda given: pad(offline(given)))

    def pad(sound):
        return torch.nn.functional.pad(sound, (0, 128))

    check_parity(late(128), export_onnx(late(128)))
    with pytest.raises(ExportError, match="differs from its network"):
        check_parity(late(0), export_onnx(late(0)))


def test_modes_that_name_a_missing_graph_are_refused():
    astray = msgspec.structs.replace(described("a"), graph="onset")
    with pytest.raises(BadBundle, match="rendered by the graph 'onset', which is missing"):
        export_bundle(Family(frame=frame(Leaky())), "astray", "toy", [astray], {}, "CC0")
