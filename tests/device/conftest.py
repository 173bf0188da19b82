"""A tiny graph that obeys the contract, so that the device's tests need neither torch nor a trained network."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import onnx.parser
import pytest
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import MAX_VOICES
from tombola_device.contract.graph import block_graph, onset_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode, Recording

Build = Callable[..., Bundle]
ALSA_CONF = Path("/usr/share/alsa/alsa.conf")

SUSTAINED = Envelope(
    time_s=[0.0, 0.02, 0.1],
    level_db=[-30.0, -20.0, -20.0],
    decay_db_per_s=0.0,
    release_db_per_s=-300.0,
    velocity_db=24.0,
)

_GRAPH = """
tones (float[voices,{columns}] controls, float[voices,{size}] state{noise_in})
   => (float[voices,128] audio, float[voices,{size}] state_out)
{{
   note = Slice(controls, i0, i1, one)
   level_db = Slice(controls, i1, i2, one)
   blend = Slice(controls, i7, columns, one)
   before = Slice(state, i0, modes, one)
   phase = Slice(state, modes, modes1, one)
   held = Slice(state, modes1, modes2, one)
   exponent = Mul(level_db, decibel)
   loud = Exp(exponent)
   above = Sub(loud, silence)
   level = Relu(above)
   peak = Mul(level, root2)
   amplitude = Mul(blend, peak)
   octaves = Mul(note, semitone)
   pitch = Add(octaves, tuning)
   increment = Exp(pitch)
   rest = Equal(held, zero)
   start = Where(rest, increment, held)
   change = Sub(increment, start)
   straight = Mul(start, time)
   curve = Mul(change, time2)
   moved = Add(straight, curve)
   turns = Add(phase, moved)
   turns3 = Unsqueeze(turns, one)
   angle = Mul(turns3, harmonics)
   wave = Sin(angle)
   before3 = Unsqueeze(before, i2)
   amplitude3 = Unsqueeze(amplitude, i2)
   leaving = Mul(before3, fall)
   coming = Mul(amplitude3, rise)
   gains = Add(leaving, coming)
   parts = Mul(gains, wave)
   {tone} = ReduceSum<keepdims=0>(parts, one)
   sum = Add(start, increment)
   advance = Mul(sum, half)
   after = Add(phase, advance)
   whole = Floor(after)
   fraction = Sub(after, whole)
   state_out = Concat<axis=1>(amplitude, fraction, increment)
   {hiss}
}}
"""
_HISS = """bands = ReduceMean<keepdims=0>(noise, one)
   hiss = Mul(bands, peak)
   audio = Add(tone, hiss)"""


def tone_graph(modes: int, noise_bands: int = 0, poison: float = 0.0) -> bytes:
    """Mode m plays a sine at (m + 1) times the note's frequency; amplitudes and frequency move over the period.

    ``poison`` is added to a gain: NaN makes a graph that breaks.
    """
    size = modes + 2
    text = _GRAPH.format(
        columns=7 + modes,
        size=size,
        noise_in=f", float[voices,{noise_bands},128] noise" if noise_bands else "",
        tone="tone" if noise_bands else "audio",
        hiss=_HISS if noise_bands else "",
    )
    graph = onnx.parser.parse_graph(text)
    octave, time = math.log(2) / 12, np.arange(128)
    rise = (time + 1) / 128
    constants = {
        "decibel": math.log(10) / 20,
        "silence": 1e-4,
        "root2": math.sqrt(2) + poison,
        "semitone": octave,
        "tuning": math.log(440 / 48_000) - 69 * octave,
        "zero": 0.0,
        "half": 64.0,
        "time": time,
        "time2": time**2 / 256,
        "harmonics": 2 * np.pi * np.arange(1, modes + 1).reshape(1, -1, 1),
        "rise": rise,
        "fall": 1 - rise,
    }
    integers = {"i0": 0, "i1": 1, "i2": 2, "i7": 7, "one": 1, "columns": 7 + modes}
    integers |= {"modes": modes, "modes1": modes + 1, "modes2": modes + 2}
    tensors = [onnx.numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()]
    tensors += [onnx.numpy_helper.from_array(np.array([value], np.int64), name) for name, value in integers.items()]
    graph.initializer.extend(tensors)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def tone_bundle(
    modes: int = 3,
    noise_bands: int = 0,
    poison: float = 0.0,
    name: str = "tones",
    envelopes: tuple[Envelope, ...] = (SUSTAINED,),
) -> Bundle:
    """A bundle around ``tone_graph``; mode m has envelope m, the last one repeats."""
    graph = tone_graph(modes, noise_bands, poison)
    listed = [
        Mode(
            name=f"mode {index}",
            color="#a0b0c0",
            note_range=(36.0, 96.0),
            envelope=envelopes[min(index, len(envelopes) - 1)],
            controls={"timbre_x": (-2.0, 0.0, 1.0), "timbre_y": (-1.0, 0.5, 1.0)},
            recordings=[Recording("A 4", 69.0, -1.0, 0.75)],
        )
        for index in range(modes)
    ]
    manifest = Manifest(
        name=name,
        generator="tones",
        modes=listed,
        graphs={"frame": block_graph(modes, modes + 2, noise_bands)},
        cost=Cost(parameters=0, onnx_bytes=len(graph), nodes=36, state_tensors=1),
    )
    return Bundle(manifest, {"frame": graph})


def failing_bundle(name: str = "failing", *, voices: int = MAX_VOICES, note: float = 127.0) -> Bundle:
    """Tones whose graph raises in onnxruntime with more than so many voices, or from that note on (of 0 … 127)."""
    bundle = tone_bundle(name=name)
    model = onnx.load_from_string(bundle.graphs["frame"])
    sound = next(node for node in model.graph.node if "audio" in node.output)
    sound.output[:] = ["sound" if output == "audio" else output for output in sound.output]
    more = onnx.parser.parse_graph("""
    fails (float[voices,128] sound, float[voices,10] controls) => (float[voices,128] audio)
    {
       rows = Shape<start=0, end=1>(controls)
       row = Sub(rows, one)
       none_of_rows = Gather(zeros_of_rows, row)
       notes = Slice(controls, i0, one, one)
       high = ReduceMax<keepdims=0>(notes)
       part = Div(high, ceiling)
       step = Cast<to=7>(part)
       none_of_notes = Gather(zero_of_notes, step)
       partly = Add(sound, none_of_rows)
       audio = Add(partly, none_of_notes)
    }
    """)
    model.graph.node.extend(more.node)
    constants = {
        "zeros_of_rows": np.zeros(voices, np.float32),
        "zero_of_notes": np.zeros(1, np.float32),
        "ceiling": np.array(note, np.float32),
    }
    model.graph.initializer.extend(onnx.numpy_helper.from_array(array, title) for title, array in constants.items())
    onnx.checker.check_model(model)
    return Bundle(bundle.manifest, {"frame": bytes(model.SerializeToString())})


HIT_SAMPLES = 6000


def hit_graph(hits: int, samples: int = HIT_SAMPLES) -> bytes:
    """Hit m is a cosine of (m + 1) times the note's frequency that dies away to -60 dB; it begins at 1 / (m + 2)."""
    text = f"""
    hits (float[voices,{4 + hits}] controls) => (float[voices,{samples}] audio)
    {{
       note = Slice(controls, i0, i1, i1)
       blend = Slice(controls, i4, columns, i1)
       semitones = Mul(note, semitone)
       pitch = Add(semitones, tuning)
       turns = Exp(pitch)
       turns3 = Unsqueeze(turns, i1)
       angle = Mul(turns3, times)
       wave = Cos(angle)
       struck = Mul(wave, fall)
       weights = Unsqueeze(blend, i2)
       parts = Mul(struck, weights)
       audio = ReduceSum<keepdims=0>(parts, i1)
    }}
    """
    graph, semitone, time = onnx.parser.parse_graph(text), math.log(2) / 12, np.arange(samples)
    number = np.arange(1, hits + 1).reshape(1, -1, 1)
    constants = {
        "semitone": semitone,
        "tuning": math.log(440 / 48_000) - 69 * semitone,
        "times": 2 * np.pi * number * time,
        "fall": 10 ** (-3 * time / samples) / (number + 1),
    }
    integers = {"i0": 0, "i1": 1, "i2": 2, "i4": 4, "columns": 4 + hits}
    graph.initializer.extend(
        [onnx.numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()]
        + [onnx.numpy_helper.from_array(np.array([value], np.int64), name) for name, value in integers.items()]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def struck_bundle(tones: int = 0, hits: int = 2, samples: int = HIT_SAMPLES, **mode: object) -> Bundle:
    """Hits, after any number of tones: two graphs in one bundle. ``mode`` changes what is said of the hits."""
    graph = hit_graph(hits, samples)
    graphs, ports = {"onset": graph}, {"onset": onset_graph(hits, samples)}
    before = tone_bundle(tones) if tones else None
    struck = [
        msgspec.structs.replace(
            Mode(f"hit {index}", "#102030", (36.0, 96.0), gate="one_shot", graph="onset"),
            **mode,
        )
        for index in range(hits)
    ]
    if before is not None:
        graphs |= before.graphs
        ports |= before.manifest.graphs
    modes = [*(before.manifest.modes if before else []), *struck]
    return Bundle(Manifest("struck", "hits", modes, ports, Cost(0, len(graph), 12, 0)), graphs)


@pytest.fixture(scope="session")
def make_struck() -> Build:
    """``struck_bundle``."""
    return struck_bundle


@pytest.fixture(scope="session")
def make_bundle() -> Build:
    """``tone_bundle``, for tests that need bundles of their own making."""
    return tone_bundle


@pytest.fixture(scope="session")
def make_failing() -> Build:
    """``failing_bundle``."""
    return failing_bundle


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """Three sustained modes."""
    return tone_bundle()


@pytest.fixture(scope="session")
def evil_graphs():
    """How to twist a graph; see tests/fuzz/evil_graphs.py."""
    return _beside("fuzz", "evil_graphs")


@pytest.fixture(scope="session")
def evil_bundles():
    """Bundles whose graph means harm; see tests/fuzz/evil_bundles.py."""
    return _beside("fuzz", "evil_bundles")


@pytest.fixture(scope="session")
def evil_files():
    """Bundles that mean harm around a good graph; see tests/fuzz/evil_files.py."""
    return _beside("fuzz", "evil_files")


@pytest.fixture(scope="session")
def evil_lives():
    """Bundles whose life means harm; see tests/fuzz/evil_lives.py."""
    return _beside("fuzz", "evil_lives")


@pytest.fixture(scope="session")
def spellings():
    """Other spellings of a graph; see tests/fuzz/spellings.py."""
    return _beside("fuzz", "spellings")


@pytest.fixture
def capture(tmp_path, monkeypatch) -> Path:
    """ALSA's real library over a PCM that writes to a file."""
    if find_spec("alsaaudio") is None:
        pytest.skip("pyalsaaudio is not installed: it needs a C compiler and ALSA's headers")
    if not ALSA_CONF.is_file():
        pytest.skip(f"{ALSA_CONF} is not there: install libasound2-data")
    raw, rc = tmp_path / "capture.raw", tmp_path / "asoundrc"
    rc.write_text(f'<{ALSA_CONF}>\npcm.capture {{ type file slave.pcm null file "{raw}" format raw }}\n')
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(rc))
    return raw


@pytest.fixture(scope="session")
def jack(tmp_path_factory):
    """A JACK server of its own, in which this process and keyboards of its making meet; see tests/rig/jack.py."""
    pytest.importorskip("rtmidi", reason="python-rtmidi is not installed: it needs a wheel or a C++ compiler")
    rig = _beside("rig", "jack")
    try:
        server = rig.Jack(tmp_path_factory.mktemp("jack"))
    except OSError as error:
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JACK_DEFAULT_SERVER", server.name)
        yield server
    server.close()


def _beside(folder: str, name: str):
    """A module of the tests that lies beside tests/device."""
    spec = spec_from_file_location(f"{folder}_{name}", Path(__file__).parents[1] / folder / f"{name}.py")
    sys.modules[spec.name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
