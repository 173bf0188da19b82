"""What docs/adding.md says is enough: a family, a criterion and a schedule by its lines alone, from training to sound.

A copy of the host's package gets the files of the page's examples and the lines of their registries, nothing else.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.controls import SAMPLE_RATE_HZ
from tombola_device.play.offline import PerformedEvent, render_performance

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding.md").read_text("utf-8")
REGISTRIES = {
    "FAMILIES": "generators/__init__.py",
    "CRITERIA": "lottery/criteria/__init__.py",
    "SCHEDULES": "lottery/schedules/__init__.py",
}


def examples() -> list[tuple[str, str, str, str]]:
    """File, its text, registry, its lines; as the page has them."""
    pattern = (
        r"`((?:generators|lottery)/[\w/]+\.py)`:\n\n```python\n(.*?)```\n\nThe line in `(\w+)`.*?```python\n(.*?)```"
    )
    return re.findall(pattern, PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """The host's package with what the page adds."""
    folder = tmp_path_factory.mktemp("adding")
    package = folder / "tombola_host"
    shutil.copytree(ROOT / "host_tools" / "tombola_host", package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, text, registry, lines in examples():
        assert not (package / file).exists()
        (package / file).write_text(text)
        path = package / REGISTRIES[registry]
        imported, entry = (part.strip("\n") for part in lines.split("\n\n"))
        whole = path.read_text()
        whole = re.sub(rf"^({registry}: .*?\{{)$", rf"\1\n{entry}", whole, count=1, flags=re.MULTILINE)
        assert entry in whole
        path.write_text(
            whole.replace("from __future__ import annotations\n", f"from __future__ import annotations\n\n{imported}\n")
        )
    return folder


@pytest.fixture(scope="module")
def wind(tmp_path_factory) -> Path:
    """Eight breathy notes, one second each."""
    folder = tmp_path_factory.mktemp("wind")
    time_s, rng = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ, np.random.default_rng(0)
    for name, note in {"C3": 48, "E3": 52, "G3": 55, "A3": 57, "C4": 60, "E4": 64, "G4": 67, "A4": 69}.items():
        f0_hz = 440 * 2 ** ((note - 69) / 12)
        sound = sum(np.sin(2 * np.pi * f0_hz * h * time_s + h) / h for h in range(1, 12))
        sound += 0.2 * rng.standard_normal(len(time_s))
        envelope = np.minimum(time_s / 0.02, 1) * np.minimum((1 - time_s) / 0.1, 1)
        soundfile.write(folder / f"{name}.wav", 0.1 * sound * envelope, SAMPLE_RATE_HZ, subtype="PCM_16")
    return folder


def run(copied: Path, *command: str) -> subprocess.CompletedProcess[str]:
    device = str(ROOT / "device")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(copied), device]),
        "XDG_CACHE_HOME": str(copied / "cache"),
        "ORT_DISABLE_TELEMETRY": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=copied,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_the_page_shows_one_of_each():
    assert [registry for _, _, registry, _ in examples()] == list(REGISTRIES)


def test_what_the_page_adds_goes_from_training_to_a_bundle_that_plays(copied, wind):
    chosen = ["--family", "breath", "--criterion", "readers", "--schedule", "steady", "--effort", "quick"]
    bundle = copied / "wind.tombola"
    made = run(
        copied, "tombola_host", "build", f"wind={wind}", "-o", str(bundle), *chosen, "--runs", "runs", "--workers", "1"
    )
    assert made.returncode == 0, made.stderr
    assert len(list((copied / "runs").glob("round-*"))) == 3  # The dense network is the first of four.
    played = decode_bundle(bundle.read_bytes())
    assert played.manifest.generator == "breath"
    assert played.manifest.cost.parameters < 64 * 24
    events = [PerformedEvent(0.0, "note_on", (57, 0.9)), PerformedEvent(0.6, "note_off", (57,))]
    sound = render_performance(played, events, seconds=1.5)
    heard, after = sound[: SAMPLE_RATE_HZ // 2], sound[-SAMPLE_RATE_HZ // 10 :]
    assert 20 * np.log10(np.sqrt(np.mean(heard**2))) > -45
    assert np.abs(after).max() < 1e-3


def test_the_added_family_keeps_the_contract_of_all_families(copied):
    """The suite that runs over the registry, in the copy."""
    tests = copied / "tests"
    shutil.copytree(ROOT / "tests" / "host_tools", tests / "host_tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "conftest.py", tests)
    shutil.copy(ROOT / "pyproject.toml", copied)
    suite = "tests/host_tools/generators/test_contract.py"
    result = run(copied, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", "breath", suite)
    assert result.returncode == 0, result.stdout[-3000:]
    passed = int(re.search(r"(\d+) passed", result.stdout).group(1))
    assert passed >= 14
