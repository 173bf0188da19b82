from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str, folder: Path = ROOT, **kwargs) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False, **kwargs)


def lint(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: import-linter sets the logging of the process that it runs in."""
    paths = os.pathsep.join(str(folder / name) for name in ("device", "host_tools"))
    code = "from importlinter.cli import lint_imports_command as main; main()"
    environment = {**os.environ, "PYTHONPATH": paths}
    chosen = [word for contract in contracts for word in ("--contract", contract)]
    return run(sys.executable, "-c", code, "--no-cache", *chosen, folder=folder, env=environment)


@pytest.fixture
def project(tmp_path):
    """A copy of the project whose files a test may change."""
    for name in ("device/tombola_device", "host_tools/tombola_host"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "models"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_one_way_rule_is_kept():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout
    assert "7 kept, 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [
        ("device-alone", "device/tombola_device/engine/noise.py", "import torch"),
        ("host-layers", "host_tools/tombola_host/training/loop.py", "import tombola_host.generators.base"),
        ("no-circles", "device/tombola_device/play/player.py", "import tombola_device.play.midi_map"),
        ("surface-alone", "device/tombola_device/surface/view.py", "import tombola_device.hal.panel.port"),
        ("device-alone", "device/tombola_device/slots/store.py", "import tombola_host.export.bundle"),
        ("device-layers", "device/tombola_device/contract/errors.py", "import tombola_device.engine.noise"),
        ("device-layers", "device/tombola_device/engine/noise.py", "import tombola_device.slots.store"),
        ("host-one-way", "host_tools/tombola_host/export/bundle.py", "import tombola_device.slots.store"),
    ],
)
def test_an_import_against_the_rule_is_found(project, contract, file, line):
    path = project / file
    path.write_text(path.read_text() + f"\n\n{line}\n")
    result = lint(project, contract)
    assert result.returncode == 1, result.stderr
    assert "0 kept, 1 broken" in result.stdout


def test_the_device_loads_neither_torch_nor_the_host_nor_optional_hardware():
    code = """
import importlib, pkgutil, sys
import tombola_device
for module in pkgutil.walk_packages(tombola_device.__path__, "tombola_device."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted({name.split(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""
    unwanted = ["torch", "tombola_host", "librosa", "alsaaudio", "gpiozero", "lgpio", "rtmidi", "mido", "sounddevice"]
    result = run(sys.executable, "-c", code, *unwanted)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr


@pytest.mark.parametrize(("folder", "faults"), [("device/tombola_device", 1), ("host_tools/tombola_host", 0)])
def test_ruff_bans_torch_from_the_device_only(folder, faults):
    command = (sys.executable, "-m", "ruff", "check", "--select", "TID251", "--output-format", "concise", "-q")
    result = run(*command, "--stdin-filename", f"{folder}/new.py", "-", input="import torch\n")
    assert result.stdout.count("TID251") == faults
