from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import BadConfig
from tombola_host.generators import family_named
from tombola_host.generators.base import count_parameters
from tombola_host.generators.units import Axis, UnitGroup, full_mask, places_of, rewound, trimmed
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.lottery.budget import Budget, cost_left, multiply_adds
from tombola_host.lottery.criteria import CRITERIA, criterion_named
from tombola_host.lottery.drum import Drum, Trained, Ways
from tombola_host.lottery.evidence import Evidence
from tombola_host.lottery.schedules import SCHEDULES, schedule_named
from tombola_host.lottery.selection import FEWEST_UNITS, select
from tombola_host.lottery.ticket import settled_loss
from tombola_host.lottery.watching import Ended, Watched
from tombola_host.training.effort import EFFORTS, Length, effort_named
from tombola_host.training.loop import Loop

VOICE = family_named("voice")
TINY = VoiceSize(24, 24)
SERVED = [name for name in CRITERIA if name != "normalisation"]
STEPS = Length(control_steps=2, audio_steps=0, control_windows=2, audio_windows=1)


def dense_voice(seed=3, size=TINY):
    return VOICE.build(1, size, seed)


def evidence_of(network, groups=None, **options):
    groups = network.unit_groups() if groups is None else groups
    return Evidence(network, groups, dict(network.state_dict()), seed=0, **options)


def scores_of(network, criterion="magnitude"):
    return criterion_named(criterion)(evidence_of(network))


class Drawing:
    """A drum whose rounds are trained like the stage's, but not saved."""

    def __init__(self, data, criterion="magnitude", seed=3, reset="rewind"):
        self.data, self.seed, self.trained = [data], seed, []
        trainee = VOICE.trainee(dense_voice(seed), self.data, seed)
        groups = trainee.network.unit_groups()
        first = {name: tensor.clone() for name, tensor in trainee.network.state_dict().items()}
        self.drum = Drum(groups, first, self, Ways(criterion, reset=reset), seed)

    def round(self, number, weights):
        trained = self.run(weights, f"round {number}")
        self.trained.append(trained)
        return trained

    def watched(self, weights, watch):
        return self.run(weights, "dense", watch) if watch else self.made(weights, "dense")[1]

    def fresh(self):
        return dict(VOICE.trainee(dense_voice(99), self.data, 0).network.state_dict())

    def early(self, steps):
        trained = self.watched(self.drum.first, lambda done, total, trained: done >= steps)
        return dict(trained.network.state_dict())

    def made(self, weights, purpose):
        weights = {name: tensor.clone() for name, tensor in weights.items()}
        trainee = VOICE.trainee(VOICE.of(weights), self.data, self.seed)
        phases = VOICE.phases(trainee, self.data, STEPS, self.seed, purpose)
        return trainee, Trained(trainee.network, weights, {}, phases[0].turns[0].objective), phases

    def run(self, weights, purpose, watch=None):
        trainee, trained, phases = self.made(weights, purpose)
        loop = Loop(trainee, phases, (Watched(watch, trained),) if watch else ())
        with suppress(Ended):
            loop.run()
        return replace(trained, curves=loop.curves)


@pytest.fixture(scope="module")
def toy(mode):
    return mode()


@pytest.fixture(scope="module")
def drawn(toy):
    drawing = Drawing(toy)
    return drawing, schedule_named("iterative")(drawing.drum, (0.7, 0.45))


def test_a_ticket_s_weights_are_the_first_weights_of_the_dense_network_at_its_units(drawn):
    drawing, mask = drawn
    weights = drawing.drum.kept(mask)
    plain = trimmed(drawing.drum.groups, drawing.drum.first, mask)
    assert torch.equal(weights["input.weight"], plain["input.weight"])
    wider = (24 / int(mask["trunk"].sum())) ** 0.5
    torch.testing.assert_close(weights["trunk.weight_hh_l0"], wider * plain["trunk.weight_hh_l0"])
    learned = drawing.trained[0].network.state_dict()
    assert not torch.equal(
        plain["trunk.weight_hh_l0"], trimmed(drawing.drum.groups, learned, mask)["trunk.weight_hh_l0"]
    )


@pytest.mark.parametrize("kept", [48, 96, 512])
def test_rewound_weights_spread_as_torch_draws_them_for_the_width_that_is_left(kept):
    """Unscaled, a trunk of 48 out of 1024 started with a spread of 1/√1024 where torch draws 1/√48."""
    network = dense_voice(size=VoiceSize(32, 1024))
    mask = full_mask(network.unit_groups())
    mask["trunk"] = torch.arange(1024) % (1024 // kept) == 0
    left = int(mask["trunk"].sum())
    weights = rewound(network.unit_groups(), network.state_dict(), places_of(mask))
    fresh = dense_voice(seed=9, size=VoiceSize(32, left)).state_dict()
    for name in ("trunk.weight_ih_l0", "trunk.weight_hh_l0", "trunk.bias_ih_l0", "head.weight", "input.weight"):
        assert float(weights[name].std()) == pytest.approx(float(fresh[name].std()), rel=0.12), name


def test_each_round_trains_a_smaller_network(drawn):
    drawing, mask = drawn
    dense = count_parameters(dense_voice())
    first, second = drawing.drum.rounds
    assert first.parameters == dense
    assert second.parameters <= 0.7 * dense
    left = cost_left(drawing.drum.groups, drawing.drum.first, mask)
    assert 0.3 * dense < left <= 0.45 * dense
    assert left == count_parameters(VOICE.of(drawing.drum.kept(mask)))
    assert first.loss == settled_loss(drawing.trained[0].curves)


def test_a_later_round_keeps_only_units_of_the_round_before(toy, drawn):
    first = schedule_named("iterative")(Drawing(toy).drum, (0.7,))
    for name, mask in drawn[1].items():
        assert not (mask & ~first[name]).any()
        assert mask.sum() < first[name].sum()


@pytest.mark.parametrize(
    ("schedule", "criterion"),
    [*((schedule, "magnitude") for schedule in SCHEDULES), *(("one-shot", name) for name in SERVED)],
)
def test_every_schedule_and_every_criterion_draw_the_same_ticket_of_the_asked_cost_again(toy, criterion, schedule):
    masks = []
    for _ in range(2):
        drum = Drawing(toy, criterion).drum
        masks.append(schedule_named(schedule)(drum, (0.7, 0.45)))
    assert all(torch.equal(mask, masks[1][name]) for name, mask in masks[0].items())
    dense = count_parameters(dense_voice())
    assert 0.3 * dense < cost_left(drum.groups, drum.first, masks[0]) <= 0.45 * dense


def test_one_shot_trains_once(toy):
    drawing = Drawing(toy)
    schedule_named("one-shot")(drawing.drum, (0.7, 0.45))
    assert len(drawing.trained) == 1


@given(share=st.floats(0.35, 1.0), seed=st.integers(0, 50))
@settings(max_examples=8)
def test_the_budget_is_kept_at_any_density(share, seed):
    network = dense_voice(seed)
    groups, weights = network.unit_groups(), network.state_dict()
    most = int(share * count_parameters(network))
    mask = select(groups, weights, scores_of(network), Budget(most))
    left = count_parameters(type(network).of(trimmed(groups, weights, mask)))
    assert cost_left(groups, weights, mask) == left <= most
    assert min(int(kept.sum()) for kept in mask.values()) >= FEWEST_UNITS


def test_a_budget_of_multiply_adds_counts_how_often_a_parameter_is_used(voice):
    network = voice(1, hidden=16)
    groups, weights = network.unit_groups(), network.state_dict()
    count = multiply_adds({"trunk.weight_hh_l0": 375.0})
    assert cost_left(groups, weights, full_mask(groups), count) == 16 * 16 * 375
    mask = select(groups, weights, scores_of(network), Budget(10 * 10 * 375, count))
    assert int(mask["trunk"].sum()) == 10


def test_one_unit_more_would_be_too_many(voice):
    network = voice(1, hidden=16)
    groups, weights = network.unit_groups(), network.state_dict()
    scores, most = scores_of(network), int(0.7 * count_parameters(network))
    mask = select(groups, weights, scores, Budget(most))
    _, name, unit = max(
        (float(score), group, unit)
        for group, values in scores.items()
        for unit, score in enumerate(values)
        if not mask[group][unit]
    )
    mask[name][unit] = True
    assert cost_left(groups, weights, mask) > most


def test_equal_scores_keep_the_units_that_come_first(voice):
    network = voice(1, hidden=20)
    groups, weights = network.unit_groups(), network.state_dict()
    scores = {group.name: torch.ones(group.size) for group in groups}
    mask = select(groups, weights, scores, Budget(int(0.6 * count_parameters(network))))
    for kept in mask.values():
        count = int(kept.sum())
        assert FEWEST_UNITS <= count <= 20
        assert kept[:count].all()


@pytest.mark.parametrize("effort", EFFORTS)
def test_at_least_99_percent_of_the_dense_network_are_removed(effort):
    assert VOICE.dense == VoiceSize(1024, 1024)
    network = dense_voice(0, VOICE.dense)
    groups, weights = network.unit_groups(), network.state_dict()
    dense, shares = count_parameters(network), effort_named(effort).shares
    mask = select(groups, weights, scores_of(network), Budget(int(shares[-1] * dense)))
    assert 1 - cost_left(groups, weights, mask) / dense >= 0.99
    assert list(shares) == sorted(shares, reverse=True)


def toy_group():
    axes = Axis("own", 0), Axis("reader", 1, incoming=False), Axis("constant", 0, learned=False)
    network = torch.nn.ParameterDict(
        {
            "own": torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]]),  # norms 5, 0, 1
            "reader": torch.tensor([[2.0, 9.0, 1.0]]),
            "constant": torch.tensor([100.0, 100.0, 100.0]),
        }
    )
    return network, (UnitGroup("g", 3, axes),)


def test_magnitude_is_the_product_of_a_units_own_weights_and_those_that_read_it():
    network, groups = toy_group()
    score = criterion_named("magnitude")(evidence_of(network, groups))["g"]
    assert score.tolist() == pytest.approx([10.0, 0.0, 1.0])


class Pull:
    """A loss whose gradient on ``own`` is known: the sum of its first column, counted each batch."""

    def __init__(self, network):
        self.network = network

    def draw(self, step):
        return torch.tensor(1.0)

    def loss(self, batch, step):
        return {"pull": batch * self.network["own"][:, 0].square().sum()}


def test_the_gradient_criterion_is_gradient_times_weight_over_a_unit():
    network, groups = toy_group()
    score = criterion_named("gradient")(evidence_of(network, groups, objective=Pull(network)))["g"]
    assert score.tolist() == pytest.approx([72.0, 0.0, 8.0])  # 4 batches × 2 w²


def test_evidence_gives_hessian_products_and_names_what_is_missing():
    network, groups = toy_group()
    evidence = evidence_of(network, groups, objective=Pull(network))
    ones = {name: torch.ones_like(tensor) for name, tensor in evidence.current.items()}
    product = evidence.hessian_product(ones)
    assert product["own"].tolist() == [[8.0, 0.0]] * 3  # 4 batches × 2
    assert product["reader"].abs().sum() == 0
    with pytest.raises(BadConfig, match="group 'g' names no output"):
        evidence.activations("g")
    with pytest.raises(BadConfig, match="needs a training objective"):
        _ = evidence_of(network, groups).gradients


def test_activations_of_a_voice_are_one_row_a_frame_and_one_column_a_unit(toy):
    drawing = Drawing(toy)
    trained = drawing.round(0, drawing.drum.first)
    evidence = evidence_of(trained.network, objective=trained.objective)
    for group in ("input", "trunk"):
        said = evidence.activations(group)
        assert said.shape[1] == 24
        assert said.shape[0] % 128 == 0
    assert evidence.activations("trunk").abs().max() <= 1.0


def test_the_random_criterion_differs_between_seeds(voice):
    network = voice(1, hidden=16)
    drawn = [
        criterion_named("random")(Evidence(network, network.unit_groups(), {}, seed=seed))["trunk"]
        for seed in (0, 0, 1)
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_settled_loss_is_the_mean_of_the_last_tenth_of_the_first_phase_with_steps():
    assert settled_loss({"control": [9.0] * 18 + [1.0, 3.0], "audio": []}) == 2.0
    assert settled_loss({"control": [], "audio": [5.0, 4.0]}) == 4.0


@pytest.mark.parametrize(
    ("look_up", "known"),
    [
        (criterion_named, "magnitude, gradient, large-gradient"),
        (schedule_named, "iterative, one-shot"),
        (effort_named, "quick, normal, long"),
        (family_named, "voice"),
    ],
)
def test_an_unknown_name_is_refused_in_one_sentence_that_lists_the_known(look_up, known):
    with pytest.raises(BadConfig) as refused:
        look_up("nonsense")
    assert "'nonsense'" in str(refused.value)
    assert known in str(refused.value)
    assert "\n" not in str(refused.value)
