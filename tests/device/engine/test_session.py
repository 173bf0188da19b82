"""Graphs that a session accepts; its state is carried and put to rest."""

from __future__ import annotations

import msgspec
import numpy as np
import onnx
import pytest
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.errors import BadBundle, ShapeError
from tombola_device.contract.graph import block_graph
from tombola_device.engine.graph_check import check_graph
from tombola_device.engine.session import Session


def play(session: Session, voices: int, note: float = 69.0, level_db: float = -20.0) -> None:
    session.controls[:] = 0.0
    session.controls[:, 0], session.controls[:, 1], session.controls[:, 7] = note, level_db, 1.0
    session.run(voices)


def opened(bundle: Bundle, voices: int) -> Session:
    return Session(bundle.graphs["frame"], bundle.manifest.graphs["frame"], voices)


def altered(bundle: Bundle, change) -> bytes:
    model = onnx.load_from_string(bundle.graphs["frame"])
    change(model)
    return model.SerializeToString()


def test_state_is_carried_so_that_periods_join_without_a_seam(bundle):
    session, sound = opened(bundle, 1), []
    for _ in range(20):
        play(session, 1)
        sound.append(session.sound.audio[0].copy())
    sine = np.concatenate(sound[1:])
    largest_step = 2 * np.pi * 440 / 48_000 * np.abs(sine).max()
    assert np.abs(np.diff(sine)).max() <= largest_step * 1.001


def test_a_voice_renders_the_same_alone_and_among_others(bundle):
    alone, among = opened(bundle, 1), opened(bundle, 4)
    for _ in range(5):
        play(alone, 1)
        play(among, 4)
        np.testing.assert_allclose(among.sound.audio, np.tile(alone.sound.audio, (4, 1)), atol=1e-6)


def test_a_voice_that_was_reset_has_zeros_in_both_states(bundle):
    session = opened(bundle, 2)
    fresh = opened(bundle, 2)
    for _ in range(3):
        play(session, 2)
    session.reset(1)
    for runs in (1, 2):  # An odd and an even number of runs without the voice.
        for _ in range(runs):
            play(session, 1)
        assert not session.state[1].any()
        play(session, 2)
        play(fresh, 2)
        np.testing.assert_array_equal(session.sound.audio[1], fresh.sound.audio[1])
        session.reset(1)
        fresh.reset_all()


def test_a_silent_voice_leaves_exact_zeros(bundle):
    session = opened(bundle, 1)
    play(session, 1)
    play(session, 1, level_db=-80.0)
    play(session, 1, level_db=-80.0)
    assert not session.sound.audio.any()


@pytest.mark.parametrize("voices", [0, 17])
def test_too_few_or_many_voices_are_refused(bundle, voices):
    with pytest.raises(ShapeError, match="1 to 16"):
        opened(bundle, voices)


def test_bytes_that_are_not_a_graph_are_refused(bundle):
    for data in (b"", b"no graph", bytes(100), bundle.graphs["frame"][: len(bundle.graphs["frame"]) // 2]):
        with pytest.raises(BadBundle):
            Session(data, bundle.manifest.graphs["frame"], 1)


@pytest.mark.parametrize(("other", "match"), [((3, 99, 0), "state"), ((3, 5, 4), "noise"), ((2, 5, 0), "controls")])
def test_graph_that_contradicts_its_ports_is_refused(bundle, other, match):
    with pytest.raises(BadBundle, match=match):
        Session(bundle.graphs["frame"], block_graph(*other), 1)


def test_graph_with_a_fixed_number_of_voices_is_refused(bundle):
    def fix(model):
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1

    with pytest.raises(BadBundle, match="voices"):
        Session(altered(bundle, fix), bundle.manifest.graphs["frame"], 1)


def test_another_set_of_controls_or_length_of_block_is_refused(bundle):
    graph = bundle.manifest.graphs["frame"]
    for change, match in (
        ({"columns": ["note"]}, "wants the controls note"),
        ({"block_samples": 2048}, "2048 samples"),
    ):
        with pytest.raises(BadBundle, match=match):
            Session(bundle.graphs["frame"], msgspec.structs.replace(graph, **change), 1)


def test_operator_of_a_custom_domain_is_refused(bundle):
    def customise(model):
        model.graph.node[0].domain = "com.example"
        model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))

    with pytest.raises(BadBundle, match=r"domain 'com\.example'"):
        Session(altered(bundle, customise), bundle.manifest.graphs["frame"], 1)


def test_weights_in_another_file_are_refused_even_if_that_file_exists(bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(bytes(4096))

    def take_outside(model):
        tensor = next(t for t in model.graph.initializer if t.name == "rise")
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "weights.bin"

    with pytest.raises(BadBundle, match="another file"):
        Session(altered(bundle, take_outside), bundle.manifest.graphs["frame"], 1)


def test_external_weights_in_an_attribute_are_found(bundle):
    def hide(model):
        tensor = onnx.TensorProto(name="hidden", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
        model.graph.node.append(onnx.helper.make_node("Constant", [], ["hidden"], value=tensor))

    with pytest.raises(BadBundle, match="another file"):
        check_graph(altered(bundle, hide))


def test_a_graph_cut_short_anywhere_is_accepted_or_refused_with_bad_bundle(bundle):
    for length in range(0, len(bundle.graphs["frame"]), 37):
        try:
            check_graph(bundle.graphs["frame"][:length])
        except BadBundle:
            continue
