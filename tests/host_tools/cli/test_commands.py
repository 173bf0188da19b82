"""The command line."""

from __future__ import annotations

import subprocess
import sys

IMPORTED = """
import sys
from tombola_host.cli import making, owning, playing
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
SLOW = {"torch", "scipy", "librosa", "matplotlib", "onnx", "onnxruntime"}
"""1.5 s of torch alone, which who flashes would wait for each time."""


def test_commands_begin_without_the_libraries_of_training():
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert not SLOW & set(done.stdout.split())
    assert "typer" in done.stdout.split()
