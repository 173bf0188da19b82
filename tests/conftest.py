"""What all tests share: they read and write nothing of the user's, and give the same on any number of cores."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Before torch, numpy or onnxruntime are imported: the tensors are small and the workers many.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["MPLBACKEND"] = "Agg"

# A shared machine stalls for longer than any deadline; in CI the same examples are drawn every time.
settings.register_profile("tombola", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("tombola")


@pytest.fixture(autouse=True, scope="session")
def _own_xdg_folders() -> Iterator[None]:
    """Slots, configuration and sockets go to a folder of the tests, not to the user's."""
    names = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    before = {name: os.environ.get(name) for name in names}
    with tempfile.TemporaryDirectory(prefix="tombola-tests-") as folder:
        os.environ.update(dict.fromkeys(names, folder))
        yield
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
