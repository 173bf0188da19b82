from __future__ import annotations

import pytest
import torch
from tombola_device.contract.errors import BadConfig
from tombola_host.generators.units import Axis, UnitGroup, full_mask, shapes_left, trimmed
from tombola_host.lottery.budget import Budget
from tombola_host.lottery.drum import Drum, Trained, Ways
from tombola_host.lottery.resets import RESETS, Past, reset_named
from tombola_host.lottery.scaling import scaling_named
from tombola_host.lottery.schedules import schedule_named
from tombola_host.lottery.schedules.early_bird import corrected
from tombola_host.lottery.schedules.regrowth import exchange
from tombola_host.lottery.selection import check_density, select

WIDE = 64
GROUPS = (
    UnitGroup("a", WIDE, (Axis("one", 0), Axis("two", 1, incoming=False)), spreads=("two",)),
    UnitGroup("b", WIDE, (Axis("two", 0), Axis("three", 1, incoming=False)), spreads=("three",)),
)


def weights(seed=0):
    rng = torch.Generator().manual_seed(seed)
    return {
        "one": torch.randn(WIDE, 3, generator=rng),
        "two": torch.randn(WIDE, WIDE, generator=rng),
        "three": torch.randn(2, WIDE, generator=rng),
    }


class Net(torch.nn.ParameterDict):
    def unit_groups(self):
        sizes = {"a": self["two"].shape[1], "b": self["two"].shape[0]}
        return tuple(UnitGroup(group.name, sizes[group.name], group.axes) for group in GROUPS)


class Growing:
    """A trainer whose networks grow by a tenth in each of its 100 steps."""

    def round(self, number, given):
        return Trained(Net({name: 3 * each for name, each in given.items()}), given, {"loss": [1.0]})

    def watched(self, given, watch):
        trained = Trained(Net({name: each.clone() for name, each in given.items()}), given, {})
        for step in range(1, 101 if watch else 1):
            if watch(step, 100, trained):
                break
        return trained

    def fresh(self):
        return weights(7)

    def early(self, steps):
        return {name: each + steps for name, each in weights().items()}


def drawn(schedule, **ways):
    drum = Drum(GROUPS, weights(), Growing(), Ways(**ways), 0)
    return drum, schedule_named(schedule)(drum, (0.5, 0.1))


def random_mask(share, seed, size=20_000):
    return {"g": torch.rand(size, generator=torch.Generator().manual_seed(seed)) < share}


@pytest.mark.parametrize("share", [0.3, 0.05, 0.01])
def test_two_random_masks_are_at_distance_one_at_every_sparsity(share):
    """Uncorrected they differ in 2 k (1 - k) of the places: 0.42, 0.095, 0.020; a limit of 0.1 fires for two."""
    assert corrected(random_mask(share, 0), random_mask(share, 1)) == pytest.approx(1.0, abs=0.06)
    assert corrected(random_mask(share, 0), random_mask(share, 0)) == 0.0


def test_early_bird_stops_as_soon_as_the_mask_is_settled_and_says_what_it_cost():
    drum, mask = drawn("early-bird")
    assert drum.trainings == pytest.approx(0.30)  # the sixth look at every twentieth of the steps
    assert drum.share(mask) <= 0.1
    costs = {
        name: drawn(name)[0].trainings for name in ("fixed-step", "one-shot", "at-start", "smart-ratio", "gradual")
    }
    assert costs == {"fixed-step": 0.25, "one-shot": 1.0, "at-start": 0.0, "smart-ratio": 0.0, "gradual": 1.0}
    drum, _ = drawn("iterative")
    assert 1.4 < drum.trainings <= 1.5  # the dense network, then half of it


def test_gradual_removes_units_for_good_while_the_network_trains():
    drum, mask = drawn("gradual")
    assert 0.05 < drum.share(mask) <= 0.1
    kept = drum._last[2]["one"].abs().sum(dim=1) > 0
    assert (kept | ~mask["a"]).all()
    assert kept.sum() < WIDE / 2


def test_regrowth_drops_the_least_read_and_grows_the_most_wanted():
    mask = {"a": torch.arange(WIDE) < 10, "b": torch.arange(WIDE) < 10}
    read, wanted = ({name: each.clone() for name, each in weights().items()} for _ in range(2))
    read["two"][:, 3] = 0.0
    wanted["two"][:, 40] = 100.0
    exchange(GROUPS, read, wanted, mask, 0.1)
    assert not mask["a"][3]
    assert mask["a"][40]
    assert int(mask["a"].sum()) == 10


def test_smart_ratio_keeps_fewer_units_in_deeper_groups():
    drum, mask = drawn("smart-ratio")
    assert int(mask["a"].sum()) > int(mask["b"].sum()) >= 8
    assert 0.05 < drum.share(mask) <= 0.1


def past(trained=None):
    return Past(GROUPS, weights(), Growing().fresh, Growing().early, trained, 0)


def half():
    return {"a": torch.arange(WIDE) % 2 == 0, "b": torch.arange(WIDE) % 2 == 1}


def test_each_reset_starts_from_the_weights_that_it_names():
    mask, scale = half(), 2**0.5
    left = {name: reset(past(), mask) for name, reset in RESETS.items()}
    plain, fresh = (trimmed(GROUPS, each, mask) for each in (weights(), weights(7)))
    torch.testing.assert_close(left["rewind"]["two"], scale * plain["two"])
    torch.testing.assert_close(left["reinitialise"]["two"], scale * fresh["two"])
    torch.testing.assert_close(
        reset_named("rewind-5")(past(), mask)["one"], trimmed(GROUPS, weights(), mask)["one"] + 5
    )
    permuted = left["permute"]["two"]
    assert not torch.equal(permuted, left["rewind"]["two"])
    torch.testing.assert_close(permuted.flatten().sort().values, left["rewind"]["two"].flatten().sort().values)
    trained = {name: 3 * each for name, each in weights().items()}
    kept = reset_named("keep")(past((full_mask(GROUPS), GROUPS, trained)), mask)
    torch.testing.assert_close(kept["two"], 3 * plain["two"])  # trained weights are not scaled


def test_permuted_units_of_a_joined_axis_stay_in_their_part():
    groups = (UnitGroup("a", 10, (Axis("w", 0, start=2, blocks=2),)), UnitGroup("b", 2, (Axis("w", 0),)))
    first = {"w": torch.cat([torch.zeros(2), torch.ones(10), 2 * torch.ones(10), 3 * torch.ones(1)])[:, None]}
    mask = {"a": torch.arange(10) < 9, "b": torch.tensor([True, False])}
    found = reset_named("permute")(Past(groups, first, dict, lambda steps: {}, None, 0), mask)["w"].squeeze(1)
    assert found.tolist() == [0.0] + [1.0] * 9 + [2.0] * 9 + [3.0]


def test_a_local_scope_keeps_the_same_share_of_each_group_and_a_global_one_need_not():
    scores = {"a": torch.arange(WIDE) + 100.0, "b": torch.arange(WIDE) + 1.0}
    masks = {
        scope: select(GROUPS, weights(), scores, Budget(1000), scope, scaling_named("none"))
        for scope in ("global", "local", "global-local")
    }
    kept = {scope: (int(mask["a"].sum()), int(mask["b"].sum())) for scope, mask in masks.items()}
    assert kept["local"][0] == kept["local"][1]
    assert kept["global"][0] > kept["global-local"][0] > kept["local"][0]
    for mask in masks.values():
        assert 850 < sum(shape[0] * shape[1] for shape in shapes_left(GROUPS, weights(), mask).values()) <= 1000


def test_scalings_are_what_they_say():
    scores = torch.tensor([1.0, 3.0])
    found = {name: scaling_named(name)(scores, 4).tolist() for name in ("mean", "none", "max", "fan")}
    assert found == {"mean": [0.5, 1.5], "none": [1.0, 3.0], "max": [pytest.approx(1 / 3), 1.0], "fan": [0.25, 0.75]}


def test_an_impossible_density_is_refused_with_the_least_that_is_possible():
    """Eight units in each group: 8 · 3 + 8 · 8 + 2 · 8 = 104 of 4416 weights."""
    check_density(GROUPS, weights(), 0.024)
    with pytest.raises(BadConfig, match=r"a density of 0\.02 is impossible.* are 0\.0236 of the dense network"):
        check_density(GROUPS, weights(), 0.02)
    for words, match in (
        ({"scope": "x"}, "scope 'x'"),
        ({"scaling": "x"}, "scaling 'x'"),
        ({"reset": "rewind-x"}, "reset"),
    ):
        with pytest.raises(BadConfig, match=match):
            Ways(**words).check()
