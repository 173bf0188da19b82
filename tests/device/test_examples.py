"""The examples (``>>>``) in the docstrings of the device run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path
from typing import Protocol

import pytest
import tombola_device

ROOT = Path(tombola_device.__file__).parent
FOLDERS = ("audio", "contract", "daemon", "disk", "engine", "flash", "hal", "play", "slots", "surface")
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    for path in (ROOT / "config.py", *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")))
    if path.name != "__init__.py"
)
WITH_EXAMPLES = [name for name in MODULES if ">>>" in (ROOT.parent / f"{name.replace('.', '/')}.py").read_text("utf-8")]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_print_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0


def protocols() -> list[type]:
    kinds = [kind for name in MODULES for kind in vars(importlib.import_module(name)).values() if inspect.isclass(kind)]
    ours = {kind for kind in kinds if kind.__module__ in MODULES and not kind.__name__.startswith("_")}
    return sorted((kind for kind in ours if Protocol in kind.__bases__), key=lambda kind: kind.__qualname__)


def test_every_protocol_shows_a_minimal_implementation():
    found = protocols()
    assert len(found) >= 14
    without = [kind.__qualname__ for kind in found if ">>> class " not in (kind.__doc__ or "")]
    assert without == []
