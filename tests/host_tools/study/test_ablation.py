"""Marks of criteria in a table: means over seeds, densities from the whole network down."""

from __future__ import annotations

from tombola_host.study.experiments.ablation import Judged, table


def test_a_table_has_the_mean_of_the_seeds_their_error_and_a_dash_for_what_was_not_judged():
    found = [
        Judged("sing", 0.05, 0, 10, 0.5, {"magnitude": 0.2}),
        Judged("sing", 1.0, 0, 10, 0.1, {"magnitude": 0.5, "fisher": 0.1}),
        Judged("sing", 1.0, 1, 10, 0.2, {"magnitude": 0.7, "fisher": 0.3}),
    ]
    assert table(found) == [
        "| criterion | sing, 100 % left | sing, 5 % left |",
        "|---|---|---|",
        "| magnitude | +0.60 ± 0.10 | +0.20 |",
        "| fisher | +0.20 ± 0.10 | – |",
        "| units whose removal helps | 15 % | 50 % |",
    ]
