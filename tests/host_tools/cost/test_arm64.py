"""Instructions on a Raspberry Pi: bars if an arm64 tree exists, and a sentence for each missing tool."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadConfig
from tombola_host.cost.arm64.count import Costs, Counts, count, with_costs
from tombola_host.cost.arm64.packages import PACKAGES, unpack_packages
from tombola_host.cost.arm64.root import LIBRARIES, WHEELS, check_root, prepare_root

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"
BARS = json.loads((Path(__file__).parent / "arm64_bars.json").read_text())
WITHIN = 0.01
COSTS = Costs(
    (Counts(1, 600_000, 700_000, 620_000, 400_000, 0.0), Counts(16, 2_100_000, 2_200_000, 2_120_000, 1_800_000, 0.0))
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("cpu", sorted(BARS))
def test_quartet_costs_as_many_instructions_as_it_did(cpu):
    root = os.environ.get("TOMBOLA_ARM64_ROOT", "")
    if not root or shutil.which("qemu-aarch64") is None:
        pytest.skip("counting arm64 instructions needs qemu-user and a tree, see `tombola bench --arm64`")
    costs = count(QUARTET, Path(root), cpu, (1, 4))
    found = {f"{row.voices}, {name}": getattr(row, name) for row in costs.counts for name in BARS[cpu][str(row.voices)]}
    bars = {f"{voices}, {name}": bar for voices, named in BARS[cpu].items() for name, bar in named.items()}
    assert found == pytest.approx(bars, rel=WITHIN)


def test_counts_give_the_slope_and_the_voices_that_fit_a_pi_4():
    assert (COSTS.first, COSTS.further) == (600_000, 100_000)
    assert COSTS.voices_on_a_pi_4 == 1 + (2_400_000 - 600_000) // 100_000


def test_counts_are_written_into_the_manifest_and_nothing_else_changes():
    before = decode_bundle(QUARTET.read_bytes())
    after = decode_bundle(with_costs(QUARTET.read_bytes(), COSTS))
    assert after.manifest.cost.arm64_instructions_per_period == 600_000
    assert after.manifest.cost.arm64_instructions_per_further_voice == 100_000
    assert after.graphs == before.graphs
    assert after.manifest.modes == before.manifest.modes


def test_the_first_voice_and_each_further_one_are_within_their_goals():
    """The goals: 210 000 instructions, life, wane and Python included; each further voice 60 000."""
    for bars in BARS.values():
        assert bars["1"]["held"] <= 210_000
        assert (bars["4"]["held"] - bars["1"]["held"]) / 3 <= 60_000


def test_factory_bundle_says_its_cost():
    cost = decode_bundle(QUARTET.read_bytes()).manifest.cost
    assert cost.arm64_instructions_per_period == pytest.approx(BARS["a72"]["1"]["held"], rel=WITHIN)


def test_folder_that_is_not_an_arm64_tree_is_one_sentence(tmp_path):
    with pytest.raises(BadConfig, match="--prepare"):
        check_root(tmp_path)
    python = tmp_path / "usr/bin/python3.11"
    python.parent.mkdir(parents=True)
    python.write_bytes(b"\x7fELF" + bytes(14) + (62).to_bytes(2, "little"))
    with pytest.raises(BadConfig, match="not for arm64"):
        check_root(tmp_path)
    python.write_bytes(b"\x7fELF" + bytes(14) + (183).to_bytes(2, "little"))
    with pytest.raises(BadConfig, match="--prepare"):
        check_root(tmp_path)


def test_libraries_of_other_versions_are_fetched_again(tmp_path):
    python = tmp_path / "usr/bin/python3.11"
    python.parent.mkdir(parents=True)
    python.write_bytes(b"\x7fELF" + bytes(14) + (183).to_bytes(2, "little"))
    for wheel in WHEELS:
        (tmp_path / LIBRARIES / f"{wheel.replace('==', '-')}{'' if '==' in wheel else '-1.0'}.dist-info").mkdir(
            parents=True
        )
    assert check_root(tmp_path) == python
    prepare_root(tmp_path)  # Nothing is missing, nothing is fetched.
    runtime = tmp_path / LIBRARIES / f"{WHEELS[0].replace('==', '-')}.dist-info"
    runtime.rename(runtime.with_name("onnxruntime-1.0.0.dist-info"))
    with pytest.raises(BadConfig, match="present libraries.*--prepare"):
        check_root(tmp_path)


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """A fake apt-get and dpkg-deb that run a test's script and write their arguments to ``asked``."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(script):
        for name in ("apt-get", "dpkg-deb"):
            file = folder / name
            file.write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/asked\n{script}\n')
            file.chmod(0o755)

    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return make


def test_packages_are_fetched_for_arm64_with_lists_of_our_own_and_python_is_unpacked_last(apt, tmp_path):
    apt('case "$*" in *download*) for p in ' + " ".join(PACKAGES) + '; do touch "${p}_1_arm64.deb"; done;; esac')
    unpack_packages(tmp_path / "tree")
    update, download, *unpacked = (tmp_path / "asked").read_text().splitlines()
    for command in (update, download):
        assert "-oAPT::Architecture=arm64" in command
        assert "-oDir::State=" in command
        assert "-oDir::Cache=" in command
    assert len(unpacked) == len(PACKAGES)
    assert "python3.11-minimal_1" in unpacked[-1]


def test_sources_without_python_3_11_are_one_sentence(apt, tmp_path):
    apt('case "$*" in *download*) echo "E: Unable to locate package python3.11-minimal" >&2; exit 100;; esac')
    with pytest.raises(BadConfig, match="no python3.11-minimal for arm64; Debian 12 has"):
        unpack_packages(tmp_path / "tree")


def test_network_that_does_not_answer_is_one_sentence(apt, tmp_path):
    apt(
        'case "$*" in *update) echo "W: Failed to fetch the list  Could not connect" >&2;; '
        '*) echo "E: Unable to locate package python3.11-minimal" >&2; exit 100;; esac'
    )
    with pytest.raises(BadConfig, match=r"cannot be fetched \(Failed to fetch.*check the network"):
        unpack_packages(tmp_path / "tree")


def test_machine_without_apt_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadConfig, match="cannot be made without apt-get"):
        unpack_packages(tmp_path / "tree")
