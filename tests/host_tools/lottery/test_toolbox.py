"""docs/toolbox.md: its example runs as it stands; declarations that do not fit are refused by the parameter's name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tombola_device.contract.errors import ShapeError
from tombola_host.generators.units import Axis, UnitGroup
from tombola_host.lottery.proof import prove
from torch import nn

ROOT = Path(__file__).parents[3]
AXES = (Axis("0.weight", 0), Axis("0.bias", 0), Axis("2.weight", 1, incoming=False))
GROUP = UnitGroup("hidden", 6, AXES)
GIVEN = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


def made(hidden=6):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, hidden), nn.Tanh(), nn.Linear(hidden, 2))


def of(weights):
    network = made(len(weights["0.weight"]))
    network.load_state_dict(weights)
    return network


def without(parameter):
    return replace(GROUP, axes=tuple(axis for axis in AXES if axis.parameter != parameter))


def test_a_whole_declaration_is_proved_and_the_network_is_left_as_it_was():
    network = made()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    prove(network, (GROUP,), of, GIVEN)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert network.training


@pytest.mark.parametrize("parameter", ["0.bias", "2.weight"])
def test_an_axis_that_was_forgotten_is_named(parameter):
    with pytest.raises(ShapeError, match=re.escape(parameter)) as refused:
        prove(made(), (without(parameter),), of, GIVEN)
    assert "\n" not in str(refused.value)


def test_a_normalisation_that_was_forgotten_is_found_by_its_sound():
    network = nn.Sequential(nn.Linear(3, 6), nn.LayerNorm(6, elementwise_affine=False), nn.Linear(6, 2))

    def built(weights):
        width = len(weights["0.weight"])
        other = nn.Sequential(nn.Linear(3, width), nn.LayerNorm(width, elementwise_affine=False), nn.Linear(width, 2))
        other.load_state_dict(weights)
        return other

    with pytest.raises(ShapeError, match="group 'hidden'.* such as a bias or a normalisation"):
        prove(network, (GROUP,), built, GIVEN)


def test_an_axis_that_does_not_exist_is_named():
    wrong = replace(GROUP, axes=(*AXES, Axis("1.weight", 0)))
    with pytest.raises(ShapeError, match=r"names the parameter '1\.weight', which does not exist"):
        prove(made(), (wrong,), of, GIVEN)


def test_the_example_prunes_a_foreign_network_to_a_tenth_and_exports_it(tmp_path):
    page = (ROOT / "docs" / "toolbox.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "pitch.py").write_text(code)
    paths = os.pathsep.join(str(ROOT / part) for part in ("device", "host_tools"))
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "pitch.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = re.match(r"(\d+) of (\d+) parameters, (\d+) % right, before (\d+) %, ONNX apart (\S+)", run.stdout)
    left, whole, small, dense = (int(figure) for figure in found.groups()[:4])
    assert left <= 0.1 * whole
    assert dense >= 85
    assert small >= dense - 15
    assert float(found[5]) < 1e-4
