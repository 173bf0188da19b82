"""The examples (``>>>``) in the docstrings of the device run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import tombola_device
from tombola_device.contract.controls import PERIOD_SAMPLES, SILENCE_DB
from tombola_device.contract.graph import onset_graph
from tombola_device.play.player import Player

ROOT = Path(tombola_device.__file__).parent
FOLDERS = ("audio", "contract", "daemon", "disk", "engine", "flash", "hal", "play", "slots", "surface", "web")
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    for path in (ROOT / "config.py", *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")))
    if path.name != "__init__.py"
)
WITH_EXAMPLES = [name for name in MODULES if ">>>" in (ROOT.parent / f"{name.replace('.', '/')}.py").read_text("utf-8")]


DECLARATIONS = {"Tensor", "Binding", "Runtime"}
"""They declare what onnxruntime does not; nobody else implements them."""


@pytest.fixture
def names(make_bundle) -> dict[str, object]:
    """What the examples take as given: a bundle, its file, and what a reader would import."""
    return {
        "bundle": make_bundle(),
        "path": Path(__file__).parent / "contract" / "version_1.tombola",
        "np": np,
        "onset_graph": onset_graph,
        "PERIOD_SAMPLES": PERIOD_SAMPLES,
        "SILENCE_DB": SILENCE_DB,
        "Player": Player,
    }


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_print_what_they_say(name, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs=names, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0


def protocols() -> list[type]:
    kinds = [kind for name in MODULES for kind in vars(importlib.import_module(name)).values() if inspect.isclass(kind)]
    ours = {kind for kind in kinds if kind.__module__ in MODULES and not kind.__name__.startswith("_")}
    return sorted((kind for kind in ours if Protocol in kind.__bases__), key=lambda kind: kind.__qualname__)


def test_every_protocol_shows_a_minimal_implementation():
    found = protocols()
    assert len(found) >= 14
    shown = [kind for kind in found if ">>> class " in (kind.__doc__ or "")]
    without = {kind.__qualname__ for kind in found if kind not in shown} - DECLARATIONS
    assert without == set()
