"""The instrument in an emulated computer, whose timing does not depend on this machine; see ``virtual_pi.py``."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("virtual_pi.py")
SECONDS = 10.5
"""The last status is up to half a second old."""
PERIOD_MS = 128 / 48
BUFFER_MS = 4 * PERIOD_MS
TICK_MS = 1.0
"""Wake-ups of the control loop per second."""
_LOG = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def found() -> dict:
    """The result of ten seconds."""
    root, kernel = (os.environ.get(name) for name in ("TOMBOLA_ARM64_ROOT", "TOMBOLA_ARM64_KERNEL"))
    if not root or not kernel:
        pytest.skip(
            "TOMBOLA_ARM64_ROOT and TOMBOLA_ARM64_KERNEL do not name an arm64 tree and a Debian kernel's package"
        )
    command = [sys.executable, str(SCRIPT), "--root", root, "--kernel", kernel, "--seconds", str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    _LOG.info("%s", done.stdout)
    return json.loads(done.stdout)


pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_ten_seconds_of_a_flood_of_midi_cost_no_xrun(found):
    assert found["periods"] >= 3700
    assert (found["xruns"], found["slimmed"], found["voice_limit"]) == (0, 0, 4)
    assert found["refused"] == []
    assert found["load_p99_us"] < 0.6 * PERIOD_MS * 1000


def test_what_is_played_leaves_the_card_within_its_buffer_a_period_and_a_tick(found):
    assert found["latency_p50_ms"] <= BUFFER_MS + PERIOD_MS
    assert found["latency_max_ms"] <= BUFFER_MS + PERIOD_MS + TICK_MS
    assert found["latency_max_ms"] - found["latency_p50_ms"] <= PERIOD_MS


def test_it_plays_within_5_s_of_the_kernels_start(found):
    stages = found["start_s"]
    assert stages["kernel"] + stages["tombolad until READY"] < 5.0, stages
