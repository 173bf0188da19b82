"""The virtual sound card, which some of these tests play on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "rig" / "vcard.c"
ALSA_CONF = Path("/usr/share/alsa/alsa.conf")


@pytest.fixture(scope="session")
def plugin(tmp_path_factory) -> Path:
    """Folder of the compiled virtual card."""
    compiler = shutil.which("gcc")
    if compiler is None or not Path("/usr/include/alsa/pcm_external.h").is_file() or not ALSA_CONF.is_file():
        pytest.skip("a virtual sound card needs gcc, libasound2-dev and libasound2-data; install them")
    pytest.importorskip("alsaaudio", reason="pyalsaaudio is not installed")
    path = tmp_path_factory.mktemp("card") / "libasound_module_pcm_vcard.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-DPIC", "-o", path, SOURCE, "-lasound"], check=True)
    return path
