from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from tombola_host.training.streams import first_weights, stream, torch_stream

WORDS = st.tuples(
    st.integers(0, 2**31 - 1), st.sampled_from(["dense", "round 1", "round 2", "merge"]), st.integers(0, 99)
)


@given(first=WORDS, second=WORDS)
def test_two_streams_are_the_same_only_if_seed_purpose_and_step_are(first, second):
    drawn = [stream(*words).integers(2**62, size=4).tolist() for words in (first, second)]
    assert (drawn[0] == drawn[1]) == (first == second)


def test_no_round_of_one_seed_draws_what_a_round_of_another_draws():
    """With ``seed + round``, round 1 of seed 0 drew what round 0 of seed 1 drew."""
    drawn = {
        tuple(stream(seed, f"{purpose} windows", step).integers(2**62, size=2))
        for seed in range(6)
        for purpose in ("dense", "round 1", "round 2", "ticket", "merge")
        for step in range(20)
    }
    assert len(drawn) == 6 * 5 * 20


def test_torchs_global_stream_is_unchanged():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with first_weights(0, "voice"):
        made = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    with first_weights(0, "voice"):
        assert torch.equal(torch.rand(3), made)
    assert torch_stream(0, "a").initial_seed() != torch_stream(0, "b").initial_seed()
