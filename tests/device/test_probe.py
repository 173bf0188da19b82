"""The load probe: a bundle that is whole but does not play is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec
import onnx
import pytest
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.probe import probe_bundle

Build = Callable[..., Bundle]


@pytest.mark.parametrize("noise_bands", [0, 4])
def test_a_graph_that_plays_passes(make_bundle: Build, noise_bands: int) -> None:
    probe_bundle(make_bundle(modes=3, noise_bands=noise_bands))


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e5])
def test_a_graph_whose_sound_is_not_finite_or_beyond_all_measure_is_refused(make_bundle: Build, poison: float) -> None:
    with pytest.raises(BadBundle, match="'mode 0'; train or export it again"):
        probe_bundle(make_bundle(poison=poison))


@pytest.mark.parametrize("graph", [{"state_size": 7}, {"noise_bands": 3}])
def test_a_graph_that_is_not_what_the_manifest_says_is_refused(bundle: Bundle, graph: dict[str, int]) -> None:
    other = msgspec.structs.replace(bundle.manifest.graph, **graph)
    manifest = msgspec.structs.replace(bundle.manifest, graph=other)
    with pytest.raises(BadBundle, match="graph"):
        probe_bundle(dataclasses.replace(bundle, manifest=manifest))


def test_operators_of_another_domain_are_refused(bundle: Bundle) -> None:
    model = onnx.load_from_string(bundle.onnx)
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    with pytest.raises(BadBundle, match=r"com\.example"):
        probe_bundle(dataclasses.replace(bundle, onnx=model.SerializeToString()))


def test_weights_outside_the_bundle_are_refused(bundle: Bundle) -> None:
    model = onnx.load_from_string(bundle.onnx)
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(BadBundle, match="another file"):
        probe_bundle(dataclasses.replace(bundle, onnx=model.SerializeToString()))


def test_bytes_that_are_no_graph_are_refused(bundle: Bundle) -> None:
    with pytest.raises(BadBundle, match="not ONNX"):
        probe_bundle(dataclasses.replace(bundle, onnx=b"tombola"))
