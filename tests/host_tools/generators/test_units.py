from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import ShapeError
from tombola_host.generators.units import Axis, check_mask, full_mask, masked, trimmed, units_first
from tombola_host.generators.voice.network import Voice


def random_mask(network, density, seed):
    generator = torch.Generator().manual_seed(seed)
    mask = {}
    for group in network.unit_groups():
        mask[group.name] = torch.rand(group.size, generator=generator) < density
        mask[group.name][seed % group.size] = True
    return mask


def of_size(network, weights):
    resized = Voice(network.modes, network.size)
    resized.load_state_dict(weights)
    return resized.eval()


@given(density=st.floats(0.05, 1.0), seed=st.integers(0, 1000), modes=st.integers(1, 3))
@settings(max_examples=12)
def test_masked_and_trimmed_render_the_same_to_1e5(voice, moving, hiss, density, seed, modes):
    network = voice(modes, hidden=14, seed=seed)
    groups, weights, mask = network.unit_groups(), network.state_dict(), random_mask(network, density, seed)
    large, small = of_size(network, masked(groups, weights, mask)), Voice.of(trimmed(groups, weights, mask)).eval()
    assert small.size.hidden == int(mask["trunk"].sum())
    assert small.size.input == int(mask["input"].sum())
    large_state = small_state = None
    with torch.no_grad():
        for part in range(2):  # the second goes on from the state that the first left
            controls, noise = moving(2, 10, modes, seed + part), hiss(2, 10, 1280 * part)
            large_sound, large_state = large.render(controls, noise, state=large_state)
            small_sound, small_state = small.render(controls, noise, state=small_state)
            torch.testing.assert_close(small_sound, large_sound, atol=1e-5, rtol=0)
            units = large_state[0][:, : large.size.hidden]
            torch.testing.assert_close(
                small_state[0][:, : small.size.hidden], units[:, mask["trunk"]], atol=1e-5, rtol=0
            )
            removed = units[:, ~mask["trunk"]]
            assert torch.count_nonzero(removed) == 0


def test_a_trunk_unit_goes_with_its_rows_and_its_column(voice):
    network = voice(2, hidden=6)
    groups, weights = network.unit_groups(), network.state_dict()
    mask = full_mask(groups)
    mask["trunk"] = torch.tensor([True, False, True, True, False, True])
    small = trimmed(groups, weights, mask)
    units = [0, 2, 3, 5]
    assert torch.equal(small["trunk.weight_hh_l0"], weights["trunk.weight_hh_l0"][units][:, units])
    assert torch.equal(small["trunk.weight_ih_l0"], weights["trunk.weight_ih_l0"][units])
    assert torch.equal(small["trunk.bias_hh_l0"], weights["trunk.bias_hh_l0"][units])
    assert torch.equal(small["head.weight"], weights["head.weight"][:, units])
    assert small["activity"].shape == (2, 4)


def test_masking_zeroes_nothing_but_the_removed_units(voice):
    network = voice(1, hidden=5)
    groups, weights, mask = network.unit_groups(), network.state_dict(), random_mask(network, 0.5, 3)
    zeroed = masked(groups, weights, mask)
    kept = full_mask(groups)
    assert all(torch.equal(zeroed[name], masked(groups, zeroed, mask)[name]) for name in weights)
    assert all(torch.equal(tensor, masked(groups, weights, kept)[name]) for name, tensor in weights.items())
    removed = int((~mask["input"]).sum())
    assert int((zeroed["input.bias"] == 0).sum()) == removed


def test_the_full_mask_trims_nothing(voice):
    network = voice(2)
    weights = network.state_dict()
    whole = trimmed(network.unit_groups(), weights, full_mask(network.unit_groups()))
    assert all(torch.equal(whole[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize("wrong", ["missing", "size", "type", "empty"])
def test_a_mask_that_does_not_fit_is_refused_by_the_name_of_its_group(voice, wrong):
    groups = voice(1, hidden=4).unit_groups()
    mask = full_mask(groups)
    if wrong == "missing":
        del mask["trunk"]
    else:
        spoilt = {"size": torch.ones(3, dtype=torch.bool), "type": torch.ones(4), "empty": torch.zeros(4) > 0}
        mask["trunk"] = spoilt[wrong]
    with pytest.raises(ShapeError, match="group 'trunk'"):
        check_mask(groups, mask)


def test_every_unit_has_one_row_of_its_weights_whatever_axis_they_lie_on():
    stacked = torch.arange(12.0).reshape(6, 2)  # three blocks of two units, two inputs
    rows = units_first(stacked, Axis("w", 0, blocks=3), 2)
    assert rows.tolist() == [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 11]]
    columns = units_first(torch.arange(6.0).reshape(3, 2), Axis("w", 1), 2)
    assert columns.tolist() == [[0, 2, 4], [1, 3, 5]]
