from __future__ import annotations

import json
import re
import zlib
from dataclasses import replace

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from rich.console import Console
from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle
from tombola_device.contract.envelope_keys import EnvelopeKey
from tombola_device.contract.errors import BadBundle, BadConfig
from tombola_device.contract.graph import TIMBRE, block_graph
from tombola_device.contract.life import ATTACK_POINTS, BANDS, COURSE_POINTS, Attacks, Life
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode
from tombola_device.contract.words import Stop, Word
from tombola_host.cost import bench as benching
from tombola_host.cost import inspect as inspecting

MODES, STATE = 2, 3


def small_graph():
    """Direct current in proportion to the velocity: two nodes, 1152 weights."""
    values = {"controls": (7 + MODES,), "state": (STATE,), "audio": (128,), "state_out": (STATE,)}
    infos = {n: helper.make_tensor_value_info(n, TensorProto.FLOAT, ("voices", *s)) for n, s in values.items()}
    weights = np.zeros((7 + MODES, 128), np.float32)
    weights[2] = 0.1
    nodes = [
        helper.make_node("MatMul", ["controls", "weights"], ["audio"]),
        helper.make_node("Identity", ["state"], ["state_out"]),
    ]
    inputs, outputs = [infos["controls"], infos["state"]], [infos["audio"], infos["state_out"]]
    graph = helper.make_graph(nodes, "small", inputs, outputs, [onnx.numpy_helper.from_array(weights, "weights")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString(deterministic=True)


@pytest.fixture
def bundle(tmp_path):
    envelope = Envelope([0.0, 0.1], [-20.0, -20.0], 0.0, -100.0)
    span = (-1.0, 0.0, 1.0)
    modes = [
        Mode(name, "#336699", (40.0, 80.0), envelope, dict.fromkeys(TIMBRE, span), licence="MIT")
        for name in ("one", "two")
    ]
    cost = Cost(parameters=1152, onnx_bytes=len(small_graph()), nodes=2, state_tensors=1)
    manifest = Manifest("small test", "voice", modes, {"frame": block_graph(2, STATE)}, cost, provenance={"seed": 1})
    path = tmp_path / "small.tombola"
    path.write_bytes(encode_bundle(Bundle(manifest, {"frame": small_graph()})))
    return path


def table(renderable):
    console = Console(width=200)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_a_bundle_is_measured_in_a_process_of_its_own(bundle):
    report = benching.bench(bundle, voices=(1, 2), seconds=0.3)
    assert [timing.voices for timing in report.timings] == [1, 2]
    assert (report.parameters, report.nodes, report.state_tensors, report.delay_samples) == (1152, 2, 1, 0)
    assert report.bundle_bytes == bundle.stat().st_size
    for timing in report.timings:
        assert timing.periods == 112
        assert 0 < timing.p50_us <= timing.p90_us <= timing.p99_us <= timing.max_us
        assert timing.real_time_factor == pytest.approx(timing.p50_us / 2666.7, rel=1e-3)
        assert timing.graph_p50_us > 0
        assert timing.hot_p50_us > 0
    assert json.loads(benching.as_json(report))["timings"][1]["voices"] == 2
    assert "small test" in table(benching.as_table(report))


@pytest.mark.parametrize(("voices", "seconds"), [((), 1.0), ((0,), 1.0), ((17,), 1.0), ((1,), 0.0)])
def test_voices_and_seconds_out_of_range_are_refused(bundle, voices, seconds):
    with pytest.raises(BadConfig, match=r"1 to 16 voices and 0\.1 to 3600 seconds"):
        benching.bench(bundle, voices, seconds)


def test_a_missing_bundle_is_one_sentence(tmp_path):
    for work in (benching.bench, inspecting.inspect_bundle):
        with pytest.raises(BadBundle, match=r"cannot be read .*; check the path"):
            work(tmp_path / "none.tombola")


def test_a_bundle_that_cannot_be_played_is_one_sentence(tmp_path, bundle):
    good = inspecting.inspect_bundle(bundle)
    bad = tmp_path / "bad.tombola"
    bad.write_bytes(encode_bundle(Bundle(good.manifest, {"frame": b"no graph"})))
    with pytest.raises(BadBundle, match=r"bad\.tombola cannot be measured: ") as caught:
        benching.bench(bad, seconds=0.1)
    assert "\n" not in str(caught.value)
    with pytest.raises(BadBundle, match="is not ONNX"):
        inspecting.inspect_bundle(bad)


def test_the_paced_loop_sleeps_until_the_next_period(monkeypatch):
    now, calls = [0.0], []

    def sleep(seconds):
        now[0] += seconds

    def work(period):
        calls.append((period, now[0]))
        now[0] += 0.001

    monkeypatch.setattr(benching.time, "sleep", sleep)
    monkeypatch.setattr(benching.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(benching.time, "perf_counter_ns", lambda: int(now[0] * 1e9))
    times_us = benching._times_us(work, 5)
    assert times_us == pytest.approx(1000.0, rel=1e-3)
    assert [at for _, at in calls] == pytest.approx([benching.PERIOD_S * n for n in range(1, 6)])


def test_an_inspection_tells_how_notes_rise_and_end_over_the_keyboard(tmp_path, bundle):
    good = inspecting.inspect_bundle(bundle)
    first, second = good.manifest.modes
    keys = [EnvelopeKey(40.0, 1.0, 0.0, -1.0), EnvelopeKey(80.0, -1.0, 0.0, 1.0)]
    slow = Envelope([0.0, 0.05, 0.4], [-60.0, -20.0, -20.0], 0.0, -60.0, attack_s=0.05, keys=keys)
    modes = [msgspec.structs.replace(first, envelope=slow, note_range=(40.0, 80.0)), second]
    manifest = msgspec.structs.replace(good.manifest, modes=modes)
    path = tmp_path / "keys.tombola"
    path.write_bytes(encode_bundle(Bundle(manifest, {"frame": small_graph()})))
    text = table(inspecting.as_table(inspecting.inspect_bundle(path)))
    assert "98 ms … 25 ms" in text
    assert "2.0 s … 0.5 s to silence" in text
    everything = table(inspecting.as_table(inspecting.inspect_bundle(path), everything=True))
    assert "note 40: attack × 2.00, speed × 1.00, release × 0.50" in " ".join(everything.split())


def test_an_inspection_counts_what_the_graph_holds(bundle):
    found = inspecting.inspect_bundle(bundle)
    assert found.bytes == bundle.stat().st_size
    assert len(found.sha256) == 64
    assert (found.graphs["frame"].nodes, found.graphs["frame"].weights, found.graphs["frame"].opset) == (2, 1152, 17)
    assert found.graphs["frame"].operators == {"MatMul": 1, "Identity": 1}
    assert found.graphs["frame"].inputs == {"controls": ["voices", 9], "state": ["voices", 3]}
    assert json.loads(inspecting.as_json(found))["manifest"]["modes"][1]["name"] == "two"
    text = table(inspecting.as_table(found))
    assert "small test" in text
    assert "E2 … G#5" in text
    assert "sounds on" in text
    assert "MatMul" not in text
    everything = table(inspecting.as_table(found, everything=True))
    assert "2 nodes: 1 MatMul, 1 Identity" in everything
    assert "provenance: seed" in everything


def test_an_inspection_names_the_knobs_and_shows_their_ways_among_everything(bundle):
    loaded = decode_bundle(bundle.read_bytes())
    word = Word("scary", [Stop([1.0, 0.0], 0.1, 0.5, 1.0), Stop([0.25, 0.75], 0.9, 0.5, 0.0)])
    bundle.write_bytes(encode_bundle(replace(loaded, manifest=msgspec.structs.replace(loaded.manifest, words=[word]))))
    found = inspecting.inspect_bundle(bundle)
    assert re.search(r"knobs +│ scary ", table(inspecting.as_table(found)))
    everything = table(inspecting.as_table(found, everything=True))
    way = "one 100 %, X 0.10, Y 0.50, life 100 %; one 25 % + two 75 %, X 0.90, Y 0.50, life 0 %"
    assert re.search(rf"knob scary +│ {re.escape(way)} ", everything)


def test_an_inspection_counts_the_recordings_that_notes_follow(bundle):
    taken, spectra = [bytes(ATTACK_POINTS * 3)] * 26, [[[0.5] * BANDS]]
    notes, still = [40.0 + note for note in range(26)], bytes(COURSE_POINTS)
    attacks = Attacks(notes, taken)
    followed = msgspec.structs.replace(attacks, courses=zlib.compress(still * 26), velocities=[0.5] * 26)
    moved: list[tuple[str, dict]] = [
        ("noise of 1 spectra", {}),
        ("noise of 1 spectra, 26 attacks", {"attacks": attacks}),
        ("the courses of 2 recordings, noise of 1 spectra", {"courses": [still] * 2}),
        ("follows 26 recordings, noise of 1 spectra, 26 attacks", {"attacks": followed}),
        ("follows 26 recordings, noise of 1 spectra, 26 attacks", {"attacks": followed, "courses": [still] * 2}),
    ]
    loaded = inspecting.inspect_bundle(bundle)
    for words, fields in moved:
        life = Life([[1.0, 1.0, 1.0]], spectra, **fields)
        modes = [msgspec.structs.replace(loaded.manifest.modes[0], life=life), *loaded.manifest.modes[1:]]
        found = replace(loaded, manifest=msgspec.structs.replace(loaded.manifest, modes=modes))
        assert re.search(rf"life of one +│ {words} +│", table(inspecting.as_table(found, everything=True)))
