"""Instructions of a Raspberry Pi: bars where an arm64 tree is at hand, and a sentence for all that is missing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadConfig
from tombola_host.arm64.count import Costs, Counts, count, with_costs
from tombola_host.arm64.root import check_root

QUARTET = Path(__file__).parents[2] / "models" / "quartet" / "quartet.tombola"
BARS = json.loads((Path(__file__).parent / "arm64_bars.json").read_text())
WITHIN = 0.01
COSTS = Costs((Counts(1, 600_000, 700_000, 400_000, 0.0), Counts(16, 2_100_000, 2_200_000, 1_800_000, 0.0)))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("cpu", sorted(BARS))
def test_quartet_costs_as_many_instructions_as_it_did(cpu):
    root = os.environ.get("TOMBOLA_ARM64_ROOT", "")
    if not root or shutil.which("qemu-aarch64") is None:
        pytest.skip("counting arm64 instructions needs qemu-user and a tree: set TOMBOLA_ARM64_ROOT")
    costs = count(QUARTET, Path(root), cpu, (1, 4))
    for row in costs.counts:
        for name, bar in BARS[cpu][str(row.voices)].items():
            assert getattr(row, name) == pytest.approx(bar, rel=WITHIN), (row.voices, name)


def test_counts_give_the_slope_and_the_voices_that_fit_a_pi_4():
    assert (COSTS.first, COSTS.further) == (600_000, 100_000)
    assert COSTS.voices_on_a_pi_4 == 1 + (2_400_000 - 600_000) // 100_000


def test_counts_are_written_into_the_manifest_and_nothing_else_changes():
    before = decode_bundle(QUARTET.read_bytes())
    after = decode_bundle(with_costs(QUARTET.read_bytes(), COSTS))
    assert after.manifest.cost.arm64_instructions_per_period == 600_000
    assert after.manifest.cost.arm64_instructions_per_further_voice == 100_000
    assert after.onnx == before.onnx
    assert after.manifest.modes == before.manifest.modes


def test_factory_bundle_says_its_cost():
    cost = decode_bundle(QUARTET.read_bytes()).manifest.cost
    assert cost.arm64_instructions_per_period == pytest.approx(BARS["a72"]["1"]["held"], rel=WITHIN)


def test_folder_that_is_no_arm64_tree_is_one_sentence(tmp_path):
    with pytest.raises(BadConfig, match="debootstrap"):
        check_root(tmp_path)
    python = tmp_path / "usr/bin/python3.11"
    python.parent.mkdir(parents=True)
    python.write_bytes(b"\x7fELF" + bytes(14) + (62).to_bytes(2, "little"))
    with pytest.raises(BadConfig, match="not for arm64"):
        check_root(tmp_path)
    python.write_bytes(b"\x7fELF" + bytes(14) + (183).to_bytes(2, "little"))
    with pytest.raises(BadConfig, match="--prepare"):
        check_root(tmp_path)
