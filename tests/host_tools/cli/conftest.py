"""A command line to type at, folders to name, and a bundle that no instrument plays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import onnx.helper
import onnx.parser
import pytest
from tombola_device.contract.bundle import decode_bundle
from tombola_host.cli import fetching, keeping, live, making, owning, playing, staging
from tombola_host.cli.app import app
from typer.testing import CliRunner

del fetching, keeping, live, making, owning, playing, staging  # Imported for their commands.

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"


@pytest.fixture
def tombola():
    """Types a command; an error comes out as it is."""

    def type_(*arguments, **options):
        return CliRunner().invoke(app, [str(word) for word in arguments], catch_exceptions=False, **options)

    return type_


@pytest.fixture
def folders(tmp_path):
    for name, count in (("sax", 3), ("harp", 2)):
        (tmp_path / name).mkdir()
        for number in range(count):
            (tmp_path / name / f"{number}.wav").touch()
    return [f"{name}={tmp_path / name}" for name in ("sax", "harp")]


@pytest.fixture
def _nothing_is_analysed(monkeypatch):
    def begin(*arguments, **options):
        pytest.fail("the recordings were analysed")

    monkeypatch.setattr("tombola_host.corpus.corpus.read_corpus", begin)
    monkeypatch.setattr("tombola_host.corpus.material.read_corpus", begin)


@pytest.fixture
def without_high_notes():
    """The factory bundle with a graph that gives no number above a note."""
    factory = decode_bundle(QUARTET.read_bytes())
    model = onnx.load_from_string(factory.graphs["frame"])
    next(node for node in model.graph.node if "audio" in node.output).output[0] = "sound"
    highest = onnx.helper.make_tensor("highest", onnx.TensorProto.FLOAT, [1], [125.0])
    axes = [onnx.helper.make_tensor(f"at_{at}", onnx.TensorProto.INT64, [1], [at]) for at in (0, 1)]
    model.graph.initializer.extend([highest, *axes])
    model.graph.node.extend(
        onnx.parser.parse_node(line)
        for line in (
            "note = Slice(controls, at_0, at_1, at_1)",
            "below = Sub(highest, note)",
            "root = Sqrt(below)",  # NaN above the highest note.
            "nothing = Sub(root, root)",
            "flat = Flatten(sound)",
            "audio = Add(flat, nothing)",
        )
    )
    return replace(factory, graphs={"frame": model.SerializeToString()})
