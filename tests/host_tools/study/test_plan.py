"""What a build announces is what it does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tombola_device.contract.errors import BadConfig
from tombola_host.corpus.corpus import Corpus
from tombola_host.corpus.material import from_corpus, gather
from tombola_host.corpus.summary import summarise
from tombola_host.corpus.weights import ModeWeights, Weights
from tombola_host.generators.presets import PRESETS, Preset
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.merging.size import MergedSize
from tombola_host.progress import Silent
from tombola_host.runs.store import RunStore
from tombola_host.study import build as building
from tombola_host.study import trial
from tombola_host.study.plan import build_parts, listening_to
from tombola_host.training.effort import EFFORTS, Effort, Length

STEPS = Length(control_steps=2, audio_steps=1, control_windows=2, audio_windows=1)
TINY = Effort(dense=Length(2, 0, 2, 1), shares=(0.7, 0.5), ticket=STEPS, merge=STEPS, scratch=STEPS)
MODES = ("dull", "bright")


class Recorder(Silent):
    """Remembers what was planned, and how far each piece of work came."""

    def __init__(self):
        self.planned, self.reached = [], {}

    def plan(self, parts):
        self.planned += [part.title for part in parts]

    def task(self, title):
        self.reached[title] = 0.0
        return lambda done, total, word: self.reached.update({title: done / total})


@pytest.fixture
def materials(clip):
    made = []
    for name, tilt in zip(MODES, (0.6, 0.15), strict=True):
        clips = tuple(clip(note, frames=130, tilt=tilt) for note in (55.0, 57.0, 60.0, 62.0))
        made.append(from_corpus(name, Corpus(name, clips, (), summarise(name, 4, clips, [], [])), "CC0"))
    return tuple(made)


@pytest.mark.parametrize(
    ("method", "compare", "parts"), [("joint", False, 5), ("joint", True, 11), ("core", False, 9), ("core", True, 11)]
)
def test_a_build_does_what_it_announced_and_finishes_each_part(
    materials, tmp_path, monkeypatch, method, compare, parts
):
    def listen(folders, reporter):
        for name in folders:
            reporter.task(listening_to(name))(1, 1, "")
        return materials

    monkeypatch.setitem(EFFORTS, "tiny", TINY)
    monkeypatch.setattr(building, "gather", listen)
    monkeypatch.setattr(trial, "LENGTH", STEPS)
    monkeypatch.setitem(PRESETS, "voice", Preset({"small": {"input": 24, "hidden": 24}}))
    monkeypatch.setattr(trial, "DENSITY", 0.6)
    size = MergedSize(12, 10, 2)
    settings = building.Settings("tiny", method=method, dense=VoiceSize(24, 24), size=size, workers=1)
    told = Recorder()
    folders = dict.fromkeys(MODES, tmp_path)
    built = building.build("tiny", folders, settings, RunStore(tmp_path / "runs"), told, compare=compare)
    assert sorted(told.planned) == sorted(told.reached)
    assert len(told.planned) == parts
    assert set(told.reached.values()) == {1.0}
    assert (built.comparison is not None) is compare
    assert (built.other is not None) is compare
    assert len(built.tickets) == (2 if method == "core" or compare else 0)
    assert built.bundle.manifest.provenance["method"] == method
    rows = trial.load_rows(built.trial)
    assert [row.name for row in rows] == [trial.DENSE, trial.TICKET, trial.LOT, trial.SCRATCH, trial.AS_LONG]
    dense, ticket, *others = rows
    assert all(row.parameters == pytest.approx(0.6 * dense.parameters, rel=0.15) for row in (ticket, *others))
    assert all(row.seconds > 0 and 0 < row.error < 5 for row in rows)
    assert ticket.error != others[0].error != others[1].error


def test_a_build_with_weights_has_trainings_of_its_own_and_one_without_finds_its_old_ones(
    materials, tmp_path, monkeypatch
):
    monkeypatch.setitem(EFFORTS, "tiny", TINY)
    monkeypatch.setattr(building, "gather", lambda *_: materials)
    folders, store = dict.fromkeys(MODES, tmp_path), RunStore(tmp_path / "runs")
    plain = building.Settings(
        effort="tiny", dense=VoiceSize(24, 24), size=MergedSize(12, 10, 2), workers=1, method="core"
    )
    weights = Weights({"bright": ModeWeights(2.0, {57.0: 3.0}, [(4000.0, 20_000.0, 2.0)])})
    before, after, again = (
        building.build("tiny", folders, replace(plain, weights=each), store, Silent()) for each in (None, weights, None)
    )
    assert after.dense[0].name == before.dense[0].name  # The mode without weights.
    assert after.dense[1].name != before.dense[1].name
    assert after.merged.name != before.merged.name
    assert again.merged.name == before.merged.name
    assert after.run.result()["weights"]["modes"]["bright"]["weight"] == 2.0
    with pytest.raises(BadConfig, match="'hits' cannot be trained by weights"):
        replace(plain, weights=weights, family="hits")


def test_recordings_are_listened_to_under_the_announced_title(tmp_path):
    told = Recorder()
    with pytest.raises(Exception, match="can be learned from"):
        gather({"sax": tmp_path}, told, tmp_path / "cache")
    assert list(told.reached) == [listening_to("sax")]


def test_a_stage_announces_only_what_comes_up_to_it():
    folders = {"sax": Path("none"), "harp": Path("none")}
    counts = {
        stage: len(build_parts(folders, EFFORTS["quick"], 1, compare=False, until=stage))
        for stage in ("train", "ticket", "merge", "bundle")
    }
    assert counts == {"train": 4, "ticket": 6, "merge": 7, "bundle": 9}


def test_two_processes_take_half_as_long_for_the_modes_but_not_for_joining_them():
    folders = {"sax": Path("none"), "harp": Path("none")}
    one, two = (
        {part.title: part.seconds for part in build_parts(folders, EFFORTS["normal"], workers, compare=False)}
        for workers in (1, 2)
    )
    assert two["learning sax"] == pytest.approx(one["learning sax"] / 2)
    assert two["joining the voices"] == one["joining the voices"]


def test_a_network_without_tickets_announces_no_dense_network_and_no_lottery():
    folders = {"sax": Path("none"), "harp": Path("none")}
    parts = build_parts(folders, EFFORTS["normal"], 2, compare=False, tickets=False)
    assert [part.title for part in parts[2:]] == ["learning all at once", "trying a lottery", "packing the instrument"]


@pytest.mark.parametrize(
    ("ticket", "lot", "scratch", "said"),
    [
        (0.9, 0.95, 1.0, "paid here: the ticket errs 0.90 ×"),
        (0.9, 0.95, 0.8, "did not pay"),
        (1.0, 0.9, 1.2, "did not pay"),
    ],
)
def test_a_lottery_paid_only_if_its_ticket_beats_both_lot_and_scratch(ticket, lot, scratch, said):
    errors = {trial.TICKET: ticket, trial.LOT: lot, trial.AS_LONG: scratch}
    assert said in trial.verdict([trial.Tried(name, 1, 1.0, error) for name, error in errors.items()])


@pytest.mark.parametrize("effort", ["quick", "normal", "long"])
def test_without_tickets_a_build_takes_no_longer_on_two_cores(effort):
    folders = {name: Path("none") for name in ("sax", "violin", "flute", "harp")}
    alone, drawn = (
        sum(part.seconds for part in build_parts(folders, EFFORTS[effort], 2, compare=False, tickets=tickets))
        for tickets in (False, True)
    )
    assert alone <= drawn
