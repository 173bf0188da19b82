from __future__ import annotations

import msgspec
import pytest
from rich.console import Console
from tombola_host.evaluation.frechet import Likeness
from tombola_host.evaluation.judge import ModeJudgement
from tombola_host.evaluation.ladder import Rung
from tombola_host.evaluation.motion import Motion, MotionRatio, Movement
from tombola_host.evaluation.performed import Performed
from tombola_host.evaluation.response import Axis, Dynamics
from tombola_host.evaluation.strikes import Compared, Decays
from tombola_host.evaluation.tables import as_tables
from tombola_host.study.experiments.alive import as_markdown, figures, main

STILL = Movement(1.0, (0.1, 0.2, 0.3))


def judgement(mode="sax", error=0.8, moved=1.0, rho=1.0, off=1.1, ratio=0.9, learned: float | None = 0.75):
    compared = Compared(off, 1.0, 0.1, 3)
    motion = Motion(STILL, STILL, STILL)
    deviation = dict.fromkeys(("level", "f0", "partials"), moved)
    bands = dict.fromkeys(deviation, (moved, moved, moved))
    likeness = {"log-mel": Likeness(ratio * 50, 50.0, 100.0, 36)}
    performed = Performed(
        3, MotionRatio(3, motion, motion, deviation, bands), compared, compared, Decays(compared, compared)
    )
    rungs = {name: Rung(size, size, -4.0) for name, size in (("floor", 0.5), ("own mean", 0.7), ("table", 1.0))}
    knob = Axis("bright", {"bright": rho, "noisy": 0.0}, 5.0)
    return ModeJudgement(
        mode=mode,
        held_out=True,
        notes=3,
        spectral_error=error,
        spectral_error_per_note={},
        training_error=learned,
        pitch_median_cents=0.1,
        pitch_p95_cents=0.2,
        frechet_ratio=1.5,
        ladder=rungs,
        performed=performed,
        likeness=likeness,
        dynamics=Dynamics(rho, 1.0, 0.3, 0.35, "dynamics", 5),
        timbre=(knob, knob),
    )


def met(judgements):
    return {line.what.partition(",")[0]: line.met for line in figures(judgements)}


def test_what_reaches_every_bar_is_met_everywhere():
    lines = figures([judgement(), judgement("harp")])
    assert len(lines) == 18
    assert all(line.met for line in lines)


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        ({"error": 0.9}, {"held-out error at life 0", "network / table of two notes"}),
        ({"moved": 0.5}, {f"movement of {name}" for name in ("level", "f0", "partials")}),
        ({"moved": 1.4}, {f"movement of {name}" for name in ("level", "f0", "partials")}),
        ({"rho": 0.9}, {"velocity brightens: lowest ρ", "timbre X: lowest ρ", "timbre Y: lowest ρ"}),
        ({"off": 1.3}, {"attack", "release", "partials' decay", "its spread among partials"}),
        ({"ratio": 1.1}, {"Fréchet"}),
        ({"learned": 0.77}, {"the same on notes learned from"}),
    ],
)
def test_each_bar_is_missed_by_what_is_just_worse(worse, missed):
    found = met([judgement(**worse)])
    assert {what for what, reached in found.items() if not reached} == missed


def test_only_several_dynamics_of_a_note_say_how_much_it_should_brighten():
    entry = judgement()
    off = msgspec.structs.replace(entry.dynamics, real_slope=0.6)
    slope = "slope off the recordings'"
    assert met([msgspec.structs.replace(entry, dynamics=off)])[slope] is False
    weak = msgspec.structs.replace(off, real_from="within notes")
    assert met([msgspec.structs.replace(entry, dynamics=weak)])[slope] is None


def test_the_error_counts_by_its_mean_and_one_mode_in_four_may_be_further_than_the_sampler():
    three = [judgement(error=0.7) for _ in range(3)]
    assert met([*three, judgement(error=0.87)])["held-out error at life 0"]
    assert met([*three, judgement(ratio=1.5)])["Fréchet"]
    assert not met([*three[:2], judgement(ratio=1.5), judgement(ratio=1.5)])["Fréchet"]


def test_what_a_mode_does_not_have_is_not_counted_against_it():
    bare = msgspec.structs.replace(
        judgement(learned=None), dynamics=None, timbre=None, likeness={}, performed=Performed(2, None, None, None, None)
    )
    lines = figures([bare])
    assert {line.met for line in lines if line.cells == (None,)} == {None}
    assert [line.what for line in lines if line.met is not None] == [
        "held-out error at life 0, mean 0.800",
        "network / table of two notes",
        "floor: analysis → resynthesis, mean 0.500",
    ]
    assert "| – |" in as_markdown(lines, ["sax"])
    console = Console(width=80)
    with console.capture() as captured:
        console.print(as_tables([bare]))
    assert "few notes" in captured.get() or "–" in captured.get()


def test_a_judgement_of_four_modes_fits_on_one_screen_of_80_columns():
    console = Console(width=80)
    with console.capture() as captured:
        console.print(as_tables([judgement(mode) for mode in ("sax", "violin", "flute", "harp")]))
    lines = captured.get().splitlines()
    assert len(lines) <= 50
    # No cell was broken into two lines, which would leave the first column empty.
    assert [line for line in lines if line.startswith("   ") and line.strip()[:1].isdigit()] == []
    assert "1.00 (1)" in captured.get()


def test_a_missing_bundle_is_told_in_one_sentence(tmp_path, capsys):
    (tmp_path / "sax").mkdir()
    assert main([str(tmp_path / "none.tombola"), f"sax={tmp_path / 'sax'}"]) == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told
