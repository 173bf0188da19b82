"""A study from its file to its table, on synthetic notes and a tiny voice."""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadConfig, StoreError, TombolaError
from tombola_host.corpus.corpus import Corpus
from tombola_host.corpus.material import from_corpus
from tombola_host.corpus.split import fresh_split, note_numbers, split
from tombola_host.cost.arm64.count import Costs, Counts
from tombola_host.generators import presets
from tombola_host.progress import Silent
from tombola_host.report.page import render_page, write_plots
from tombola_host.report.study_page import study_page
from tombola_host.report.study_plots import study_plots
from tombola_host.runs.pool import InProcessPool, LocalPool, WorkerEnded
from tombola_host.runs.store import RunStore
from tombola_host.study.laboratory import cell as cell_module
from tombola_host.study.laboratory import costs as costs_module
from tombola_host.study.laboratory import work as work_module
from tombola_host.study.laboratory.costs import costs_of, count_all
from tombola_host.study.laboratory.figures import Measured, as_csv, difference, lines_of, measured
from tombola_host.study.laboratory.plan import Cell, cells_of, read_study
from tombola_host.study.laboratory.work import parts_of, place, work

FILE = """
name = "tiny"
families = ["voice"]
densities = [0.6]
seeds = [0]
size = "tiny"
corpora = {{ toy = "{folder}" }}

[steps]
control_steps = 3
audio_steps = 1
control_windows = 2
audio_windows = 2

[[row]]
name = "rewound"

[[row]]
name = "scratch"
reset = "reinitialise"
training = ["equal-cpu", "distilled"]
"""


@pytest.fixture
def tiny(monkeypatch, clip):
    """A voice of 24 + 24 units, and a corpus of twelve notes that needs no files."""
    sizes = {**presets.PRESETS["voice"].sizes, "tiny": {"input": 24, "hidden": 24}}
    monkeypatch.setitem(presets.PRESETS, "voice", replace(presets.PRESETS["voice"], sizes=sizes))
    clips = tuple(clip(48.0 + 2 * number, 40) for number in range(12))
    material = from_corpus("toy", Corpus("toy", clips, (), None), "CC0", fresh=True)
    monkeypatch.setattr(cell_module, "MOST_TIMES", 3.0)
    monkeypatch.setattr(work_module, "gather", lambda folders, reporter, fresh: (material,))
    return clips


def study_of(folder, text=FILE):
    path = folder / "study.toml"
    path.write_text(text.format(folder=folder))
    return read_study(path)


class Refusing(InProcessPool):
    """No job may be run again."""

    def run(self, jobs, reporter, finished):
        assert not jobs


def test_a_study_runs_once_and_its_table_is_made_of_what_is_done(tiny, tmp_path):
    study, store = study_of(tmp_path), RunStore(tmp_path / "runs")
    placed = work(study, store, Silent(), pool=InProcessPool())
    assert len(placed) == 1 + 3
    assert all(each.run.done for each in placed)
    work(study, store, Silent(), pool=Refusing())
    results = measured(placed)
    lines = {line.row: line for line in lines_of(results)}
    assert lines["dense"].multiplier == 1.0
    assert set(lines) == {"dense", "rewound", "scratch equal-cpu", "scratch distilled"}
    assert lines["rewound"].parameters < 0.6 * lines["dense"].parameters
    assert lines["rewound"].trainings == 1.0
    assert {m.steps for m in results if m.cell.row == "rewound"} == {4}
    assert min(m.steps for m in results if m.cell.row == "scratch equal-cpu") > 4
    rows = list(csv.DictReader(io.StringIO(as_csv(results))))
    assert len(rows) == sum(len(m.errors) for m in results)
    page = render_page(study_page(study, placed))
    assert "scratch distilled" in page
    assert page.count("<audio") >= 3
    assert not re.search(r'(?:src|href)="http', page)


def test_the_estimate_is_of_what_is_left(tiny, tmp_path):
    study, store = study_of(tmp_path), RunStore(tmp_path / "runs")
    placed = place(study, store, Silent())
    # 3 steps and one on sound, which takes as long as 4: dense, and itself, a ticket, equal time, distilled.
    step_s = presets.PRESETS["voice"].step_s
    assert sum(part.seconds for part in parts_of(study, placed)) == pytest.approx(
        7 * step_s * (1 + 2 * 0.55 + 1.9 + 0.9)
    )
    work(study, store, Silent(), pool=InProcessPool())
    assert parts_of(study, placed) == ()


def test_a_corpus_that_is_not_beside_the_study_is_one_that_was_fetched(tmp_path):
    text = FILE.replace("{folder}", "sounds/toy")
    (tmp_path / "fetched" / "sounds" / "toy").mkdir(parents=True)
    (tmp_path / "study.toml").write_text(text.format().replace("tiny", "small", 2))
    study = read_study(tmp_path / "study.toml", tmp_path / "fetched")
    assert study.corpora == {"toy": str(tmp_path / "fetched" / "sounds" / "toy")}
    (tmp_path / "sounds" / "toy").mkdir(parents=True)
    assert read_study(tmp_path / "study.toml", tmp_path / "fetched").corpora["toy"] == str(tmp_path / "sounds" / "toy")


def test_an_interrupted_study_keeps_its_finished_cells(tiny, tmp_path):
    study, store = study_of(tmp_path), RunStore(tmp_path / "runs")

    class Interrupted(InProcessPool):
        def run(self, jobs, reporter, finished):
            super().run(jobs[:2], reporter, finished)
            if len(jobs) > 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(study, store, Silent(), pool=Interrupted())
    assert sum(each.run.done for each in place(study, store, Silent())) == 2

    class Counting(InProcessPool):
        ran = 0

        def run(self, jobs, reporter, finished):
            Counting.ran += len(jobs)
            super().run(jobs, reporter, finished)

    work(study, store, Silent(), pool=Counting())
    assert Counting.ran == 2


def dies(arguments, step):
    del arguments, step
    os._exit(9)


def test_a_dead_worker_is_one_sentence_and_the_finished_cells_stay(tiny, tmp_path, monkeypatch):
    study, store = study_of(tmp_path), RunStore(tmp_path / "runs")
    done = work(study, store, Silent(), pool=InProcessPool())[0].run
    before = (done.path / "result.json").stat().st_mtime_ns
    for each in place(study, store, Silent())[-1:]:
        (each.run.path / "result.json").unlink()

    class Dying(LocalPool):
        def run(self, jobs, reporter, finished):
            super().run([replace(job, function=dies, arguments=(job.title,)) for job in jobs], reporter, finished)

    with pytest.raises(WorkerEnded, match="was ended from outside") as told:
        work(study, store, Silent(), pool=Dying(1))
    assert "\n" not in str(told.value)
    assert (done.path / "result.json").stat().st_mtime_ns == before
    assert sum(each.run.done for each in place(study, store, Silent())) == 3


def test_two_schedulers_on_one_folder_are_told_apart(tiny, tmp_path):
    study, store = study_of(tmp_path), RunStore(tmp_path / "runs")
    store.root.mkdir()
    with FileLock(store.root / ".tiny.study"), pytest.raises(BadConfig, match="another `tombola study run` works on"):
        work(study, store, Silent(), pool=Refusing())


def test_a_full_disk_is_told_before_anything_is_trained(tiny, tmp_path, monkeypatch):
    study, store = study_of(tmp_path), RunStore(tmp_path / "runs")
    monkeypatch.setattr(work_module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1_000_000}))
    with pytest.raises(StoreError, match=r"has 0\.0 GB free, and 4 cells need about 0\.0 GB"):
        work(study, store, Silent(), pool=Refusing())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "tiny"', 'name = "tiny"\ncriteria = 3', "unknown field `criteria`"),
        ('name = "rewound"', 'name = "rewound"\ncriterion = "best"', "no criterion 'best'"),
        ('name = "rewound"', 'name = "rewound"\nschedule = "slow"', "no schedule 'slow'"),
        ('name = "rewound"', 'name = "rewound"\ntraining = "long"', "no training 'long'"),
        ('families = ["voice"]', 'families = ["choir"]', "no family 'choir'"),
        ('families = ["voice"]', "families = []", "has no families"),
        ("densities = [0.6]", "densities = [1.5]", "density of 1.5 is no share"),
        ("densities = [0.6]", "densities = [0.6, 0.6]", "a value or a row twice"),
        ('name = "rewound"', 'name = "rewound"\ndensities = [2.0]', "density of 2 is no share"),
        ("seeds = [0]", "seeds = []", "no steps or no seeds"),
        ('size = "tiny"', 'size = "huge"', "no size 'huge'"),
        ("{folder}", "{folder}/nowhere", "the corpus 'toy' is missing"),
        ("[steps]", "[steps", "is not TOML"),
        ("[steps]", "a = " + 3000 * "{{b = " + "1" + 3000 * "}}" + "\n[steps]", "nested too deeply"),
    ],
)
def test_a_study_that_cannot_be_run_is_refused_in_one_sentence(tiny, tmp_path, old, new, told):
    assert old in FILE
    with pytest.raises(TombolaError, match=re.escape(told)) as refused:
        study_of(tmp_path, FILE.replace(old, new, 1))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("densities = [0.6]", "densities = [0.05]", "a density of 0.05 is impossible"),
        ('name = "rewound"', 'name = "rewound"\ncriterion = "normalisation"', "'voice' has no normalisation"),
    ],
)
def test_what_the_family_cannot_do_is_refused_before_anything_is_trained(tiny, tmp_path, old, new, told):
    study = study_of(tmp_path, FILE.replace(old, new, 1))
    with pytest.raises(BadConfig, match=told):
        work(study, RunStore(tmp_path / "runs"), Silent(), pool=Refusing())


def test_rows_of_lists_are_spread_and_named_by_what_differs(tiny, tmp_path):
    text = FILE.replace('name = "rewound"', 'name = "rewound"\ncriterion = ["magnitude", "fisher"]\nscope = "local"', 1)
    cells = cells_of(study_of(tmp_path, text))
    rows = {cell.row: cell.ways for cell in cells}
    assert rows["rewound fisher"].criterion == "fisher"
    assert rows["rewound fisher"].scope == "local"
    assert len(cells) == 1 + 2 + 2


def test_a_row_can_have_densities_of_its_own(tiny, tmp_path):
    text = FILE.replace("densities = [0.6]", "densities = [0.6, 0.7]")
    cells = cells_of(study_of(tmp_path, text.replace('name = "rewound"', 'name = "rewound"\ndensities = [0.7]', 1)))
    assert [cell.density for cell in cells if cell.row == "rewound"] == [0.7]
    assert [cell.density for cell in cells if cell.row == "scratch distilled"] == [0.6, 0.7]


def test_the_notes_held_out_anew_chose_nothing_before(tiny):
    corpus = Corpus("toy", tiny, (), None)
    old, new = (set(note_numbers(each(corpus)[1])) for each in (split, fresh_split))
    assert new
    assert not old & new
    assert not {clip.name for clip in fresh_split(corpus)[0]} & {clip.name for clip in fresh_split(corpus)[1]}


def result(row, density, seed, error):
    cell = Cell(row, "voice", "toy", density, seed)
    return Measured(cell, {"a": error, "b": 2 * error}, 10, 0.0, 1.0, 1)


def test_multipliers_are_paired_by_seed_and_note():
    """Seed 1 is twice as hard for both; the ratio is 0.9 in one seed and 0.95 in the other."""
    cells = [result("dense", 1.0, 0, 1.0), result("dense", 1.0, 1, 2.0)]
    cells += [result("x", 0.1, 0, 0.9), result("x", 0.1, 1, 1.9), result("y", 0.1, 0, 1.0)]
    lines = {line.row: line for line in lines_of(cells)}
    assert lines["x"].multiplier == pytest.approx((0.9 * 0.95) ** 0.5)
    assert lines["x"].spread == pytest.approx(abs(np.log(0.9 / 0.95)) / 2)
    assert lines["y"].seeds == 1
    assert np.isnan(lines["y"].spread)
    assert difference(cells, "x", "dense", "voice", 0.1) == (pytest.approx(float("nan"), nan_ok=True),) * 2
    assert difference(cells, "x", "y", "voice", 0.1)[0] == pytest.approx(np.log(0.9))


def shown(results):
    """The plots of these results, of a study of two densities."""
    study = SimpleNamespace(name="Toy 1", families=["voice"])
    return study_plots(study, lines_of(results), {})


def test_a_study_is_drawn_with_its_errors_beside_the_published_figures():
    cells = [result("dense", 1.0, 0, 1.0), result("dense", 1.0, 1, 1.0)]
    cells += [result("x", density, seed, density + seed / 10) for density in (0.1, 0.2) for seed in (0, 1)]
    (plot,) = shown(cells)
    curve, trimmed, masked = plot.curves
    assert list(curve.x) == [10.0, 20.0]
    assert curve.y[0] == pytest.approx((0.1 * 0.2) ** 0.5)
    assert curve.spread[0] == pytest.approx(np.log(2) / 2)
    assert (trimmed.published, masked.published) == (True, True)
    assert list(zip(trimmed.x, trimmed.y, strict=True)) == [(1.0, 1.2), (5.0, 1.0), (20.0, 0.912)]


def test_rows_of_one_density_are_drawn_side_by_side_the_best_first(tmp_path):
    cells = [result("dense", 1.0, 0, 1.0), result("x", 0.1, 0, 0.9), result("y", 0.1, 0, 0.8)]
    (plot,) = shown(cells)
    assert plot.x_names == ("y", "x")
    (path,) = write_plots(SimpleNamespace(plots=(plot,)), tmp_path / "new")
    assert path.name == "toy-1-rows-at-10-left.svg"
    text = path.read_text()
    assert "background:#fff" in text
    assert text.count(">y<") == 1


def test_rows_are_compared_in_pairs_by_seed(tiny, tmp_path):
    study, store = study_of(tmp_path), RunStore(tmp_path / "runs")
    table = study_page(study, work(study, store, Silent(), pool=InProcessPool())).judged[1]
    assert table.columns == ("voice: quotient of errors", "60 % left")
    assert table.rows[0][0] == "rewound / scratch equal-cpu"
    assert len(table.rows) == 3
    assert 0.5 < float(table.rows[0][1]) < 2


def test_the_best_row_of_each_density_stands_with_the_boards_that_have_what_it_needs(tiny, tmp_path):
    study, store = study_of(tmp_path), RunStore(tmp_path / "runs")
    table = study_page(study, work(study, store, Silent(), pool=InProcessPool())).judged[2]
    (dense, small) = table.rows
    assert dense[0] == "dense at 1"
    assert small[0].endswith(" at 0.6")
    assert small[1] < dense[1]
    # 6.6 thousand weights, each used 375 times a second.
    assert float(dense[2]) == pytest.approx(2 * 375 * dense[1] / 1e6, rel=0.2)
    assert small[-1].startswith("RPi 1B, RPi 2B, RP2350")


def test_each_shape_is_counted_once_and_stands_in_the_table(tiny, tmp_path, monkeypatch):
    study, store = study_of(tmp_path), RunStore(tmp_path / "runs")
    placed, counted = work(study, store, Silent(), pool=InProcessPool()), []

    def fake_count(bundle, root, cpu, voices):
        counted.append(decode_bundle(bundle.read_bytes()).manifest.cost.parameters)
        return Costs((Counts(voices=1, held=200_000 + len(counted), moving=0, loop=0, graph=0, spread=0.0),))

    monkeypatch.setattr(costs_module, "count", fake_count)
    monkeypatch.setattr(costs_module, "bench", lambda path, voices, seconds: SimpleNamespace(timings=(timing,)))
    timing = SimpleNamespace(p50_us=123.4)
    assert {cost.instructions for cost in costs_of(study, placed).values()} == {None}
    assert [count_all(study, placed, tmp_path, Silent()) for _ in range(2)] == [2, 2]
    # The dense network, and the ticket's shape, which the rows from scratch have, too.
    assert len(counted) == 2
    assert counted[1] < counted[0]
    table = study_page(study, placed).judged[0]
    shown = {row[0]: row[-3:] for row in table.rows}
    assert shown["dense"][1:] == ("200 001", "123")
    assert shown["rewound"] == shown["scratch distilled"]
    assert shown["rewound"][1:] == ("200 002", "123")
    dense = measured(placed)[0].parameters
    assert float(shown["dense"][0]) == pytest.approx(dense * 2 * 375 / 1e6, abs=0.06)
