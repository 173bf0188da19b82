"""The load probe: an undamaged bundle that does not play is refused."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import onnx
import pytest
from tombola_device.contract.bundle import Bundle, encode_bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import block_graph
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.engine.board import PERIOD_S, Board
from tombola_device.engine.probe import check_speed, probe_bundle
from tombola_device.engine.probe_child import ChildProbe, ProbeStopped, probe_in_child

Build = Callable[..., Bundle]
Probe = Callable[..., None]


def holding(bundle: Bundle, graph: bytes) -> Bundle:
    return dataclasses.replace(bundle, graphs={"frame": graph})


@pytest.mark.parametrize("noise_bands", [0, 4])
def test_a_graph_that_plays_passes(make_bundle: Build, noise_bands: int) -> None:
    probe_bundle(make_bundle(modes=3, noise_bands=noise_bands))


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e5])
def test_a_graph_whose_sound_is_not_finite_or_far_too_loud_is_refused(make_bundle: Build, poison: float) -> None:
    with pytest.raises(BadBundle, match="no usable sound in mode 'mode 0': "):
        probe_bundle(make_bundle(poison=poison))


@pytest.mark.parametrize("ports", [(3, 7, 0), (3, 5, 3)])
def test_a_graph_that_differs_from_its_manifest_is_refused(bundle: Bundle, ports: tuple[int, int, int]) -> None:
    manifest = msgspec.structs.replace(bundle.manifest, graphs={"frame": block_graph(*ports)})
    with pytest.raises(BadBundle, match="graph"):
        probe_bundle(dataclasses.replace(bundle, manifest=manifest))


def test_operators_of_another_domain_are_refused(bundle: Bundle) -> None:
    model = onnx.load_from_string(bundle.graphs["frame"])
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    with pytest.raises(BadBundle, match=r"com\.example"):
        probe_bundle(holding(bundle, model.SerializeToString()))


def test_weights_outside_the_bundle_are_refused(bundle: Bundle) -> None:
    model = onnx.load_from_string(bundle.graphs["frame"])
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(BadBundle, match="another file"):
        probe_bundle(holding(bundle, model.SerializeToString()))


def test_bytes_that_are_not_a_graph_are_refused(bundle: Bundle) -> None:
    with pytest.raises(BadBundle, match="not ONNX"):
        probe_bundle(holding(bundle, b"tombola"))


def costing(bundle: Bundle, instructions: int | None) -> Bundle:
    cost = msgspec.structs.replace(bundle.manifest.cost, arm64_instructions_per_period=instructions)
    return dataclasses.replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, cost=cost))


def slow(bundle: Bundle) -> Bundle:
    """The same sound with some hundred million extra multiplications per period."""
    model = onnx.load_from_string(bundle.graphs["frame"])
    size = onnx.helper.make_tensor("detour_size", onnx.TensorProto.INT64, [2], [450, 450])
    model.graph.initializer.append(size)
    audio = next(node for node in model.graph.node if "audio" in node.output)
    audio.output[0] = "before_detour"
    nodes = [
        onnx.helper.make_node("ReduceMean", ["before_detour"], ["mean"], keepdims=1),
        onnx.helper.make_node("Expand", ["mean", "detour_size"], ["wide0"]),
        *(onnx.helper.make_node("MatMul", [f"wide{n}", f"wide{n}"], [f"wide{n + 1}"]) for n in range(3)),
        onnx.helper.make_node("ReduceMean", ["wide3"], ["end"], keepdims=1),
        onnx.helper.make_node("Mul", ["end", "zero"], ["nothing"]),
        onnx.helper.make_node("Add", ["before_detour", "nothing"], ["audio"]),
    ]
    model.graph.node.extend(nodes)
    return holding(bundle, model.SerializeToString())


@pytest.mark.parametrize("probe", [probe_bundle, probe_in_child])
def test_a_too_costly_bundle_is_refused_with_both_figures(bundle: Bundle, probe: Probe) -> None:
    pi_4 = Board("Pi 4", 1.5e9)
    with pytest.raises(
        Refused, match=r"needs 5\.1 M instructions per period but the device's board has 2\.4 M"
    ) as caught:
        probe(costing(bundle, 5_100_000), pi_4)
    assert caught.value.code == ErrorCode.TOO_COSTLY
    probe(costing(bundle, 2_300_000), pi_4)


@pytest.mark.parametrize("probe", [probe_bundle, probe_in_child])
def test_a_bundle_without_a_cost_is_measured_and_refused_only_if_it_cannot_play(bundle: Bundle, probe: Probe) -> None:
    probe(bundle, Board("Pi 4", 1.5e9))
    with pytest.raises(Refused, match="for a period of 2667 µs") as caught:
        probe(slow(bundle), Board("some board"))
    assert caught.value.code == ErrorCode.TOO_SLOW
    assert caught.value.value >> 16 > 2667


def test_the_time_of_an_onset_is_measured_even_if_the_cost_of_a_held_note_is_known(make_struck: Build) -> None:
    quick, endless = make_struck(samples=1_000), make_struck(hits=16, samples=1 << 18)  # The second takes 0.1 s.
    probe_bundle(costing(quick, 1_000), Board("Pi 4", 1.5e9))
    with pytest.raises(Refused, match="for a period of 2667 µs"):
        probe_bundle(costing(endless, 1_000), Board("Pi 4", 1.5e9))


def test_occasional_stalls_of_the_machine_refuse_nothing() -> None:
    times_s = iter([0.0, 0.05, *(PERIOD_S * step / 4 for step in range(1000))])
    check_speed(lambda: None, lambda: next(times_s))


@pytest.mark.parametrize("poison", [float("nan"), 1e5])
def test_the_probe_in_a_child_process_has_the_same_result(make_bundle: Build, poison: float) -> None:
    sentences = []
    for probe in (probe_bundle, probe_in_child):
        with pytest.raises(BadBundle) as caught:
            probe(make_bundle(poison=poison))
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]


def test_an_endless_probe_is_stopped(bundle: Bundle) -> None:
    with pytest.raises(BadBundle, match="ran longer than 0 s; export a simpler one"):
        probe_in_child(bundle, limit_s=0.05)


def test_a_graph_that_needs_all_memory_ends_only_its_probe(bundle: Bundle) -> None:
    model = onnx.load_from_string(bundle.graphs["frame"])
    model.graph.initializer.append(
        onnx.helper.make_tensor("huge_size", onnx.TensorProto.INT64, [2], [1 << 15, 1 << 14])
    )
    audio = next(node for node in model.graph.node if "audio" in node.output)
    audio.output[0] = "modest"
    nodes = [
        onnx.helper.make_node("ConstantOfShape", ["huge_size"], ["huge"]),
        onnx.helper.make_node("ReduceSum", ["huge"], ["huge_total"], keepdims=1),
        onnx.helper.make_node("Add", ["modest", "huge_total"], ["audio"]),
    ]
    model.graph.node.extend(nodes)
    with pytest.raises(BadBundle, match="cannot be run .* ConstantOfShape"):  # 2 GiB, thrice the limit.
        probe_in_child(holding(bundle, model.SerializeToString()))


def test_a_crashed_probe_is_one_sentence(bundle: Bundle) -> None:
    with pytest.raises(BadBundle, match=r"crashed the probe \(exit .*\); export it again"):
        probe_in_child(bundle, memory_bytes=20 << 20)


def endless(bundle: Bundle) -> Bundle:
    """A graph that takes seconds for each run."""
    model = onnx.load_from_string(slow(bundle).graphs["frame"])
    size = next(tensor for tensor in model.graph.initializer if tensor.name == "detour_size")
    size.CopyFrom(onnx.helper.make_tensor("detour_size", onnx.TensorProto.INT64, [2], [2500, 2500]))
    return holding(bundle, model.SerializeToString())


def test_a_probe_ends_when_it_is_stopped_and_no_other_begins(bundle: Bundle) -> None:
    probe = ChildProbe()
    stopped: list[BaseException] = []

    def run() -> None:
        try:
            probe(endless(bundle))
        except ProbeStopped as error:
            stopped.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while probe._child is None or not under_way(probe._child.pid):
        time.sleep(0.01)
    child = probe._child
    probe.stop()
    thread.join()
    assert len(stopped) == 1
    assert child.returncode == -signal.SIGKILL
    with pytest.raises(ProbeStopped, match="flash the bundle again"):
        probe(bundle)


def under_way(pid: int) -> bool:
    """Whether a child has asked for a signal when its parent ends: its Python has started and has limits."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    return any(line.startswith("Max cpu time") and line.split()[3] != "unlimited" for line in limits.splitlines())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_probe_ends_when_its_parent_is_killed(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "endless.tombola"
    path.write_bytes(encode_bundle(endless(bundle)))
    code = (
        "import sys; from pathlib import Path; from tombola_device.contract.bundle import decode_bundle; "
        "from tombola_device.engine.probe_child import ChildProbe, ProbeStopped, probe_in_child; "
        "probe_in_child(decode_bundle(Path(sys.argv[1]).read_bytes()))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)]) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        while not (pids := children.read_text().split()) or not under_way(int(pids[0])):
            time.sleep(0.01)
        parent.kill()
    child = Path(f"/proc/{pids[0]}/stat")
    end_s = time.monotonic() + 10
    while child.exists() and child.read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < end_s, "the child outlives its parent"
        time.sleep(0.01)


def test_a_probe_has_a_limit_of_processor_time_beside_that_of_time(bundle: Bundle) -> None:
    command = [sys.executable, "-m", "tombola_device.engine.probe_child", str(1 << 30), "0.0", str(os.getpid())]
    told = b"null\n" + encode_bundle(endless(bundle))
    ended = subprocess.run(command, input=told, capture_output=True, check=False)
    assert ended.returncode in (-signal.SIGKILL, -signal.SIGXCPU)
