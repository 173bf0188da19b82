"""Does merging help, and does a ticket lose quality? All baselines in one table, several seeds.

    python -m tombola_host.study.experiments.spine sax=FOLDER violin=FOLDER … --seeds 0 1 2 --runs DIR --out table.json

Rows, all measured on the same held-out notes:

    dense            each mode: the dense network, trained as long as its ticket
    ticket           each mode: its ticket, as in a build (called isolated in a build's table)
    small            each mode: a network of the ticket's size from random weights, trained as long as the ticket
    random ticket    each mode a ticket whose units were drawn by lot, trained as long as the ticket
    ticket, long     each mode: its ticket, trained on as many windows of its mode as the merged network saw in all
    joint            one network of the merged size from random weights, trained as long as the merged one
    joint, long      the same, trained on as many windows as tickets and merged network together
    merged           core and specialists from the tickets
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from tombola_host.corpus.folders import parse_folders
from tombola_host.corpus.material import Material, gather
from tombola_host.corpus.windows import ModeData
from tombola_host.generators.base import Generator, count_parameters
from tombola_host.generators.family import Family
from tombola_host.merging.joint import joint_network
from tombola_host.merging.size import MergedSize
from tombola_host.progress import Reporter, Step, reporting
from tombola_host.runs.pool import Job, run_jobs
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.compare import held_out_errors
from tombola_host.stages.ticket import load_ticket
from tombola_host.stages.trainee_files import load_trainee, save_trainee, train_in
from tombola_host.study.build import Settings, draw_all, merge_all, train_all
from tombola_host.terminal import Terminal, with_exit_code
from tombola_host.training.effort import Length

VERSION = 2
JOINT_LONG = "joint, long"
RANDOM = "random ticket"
EXTRA = ("dense", "small", RANDOM, "ticket, long", JOINT_LONG)

Errors = dict[str, float]
"""Mode name → mean multi-scale spectral error at the default timbre; ``NAME*``: with the timbre of the recording."""
HEARD = "*"


def longer(ticket: Length, merge: Length, modes: int) -> Length:
    """Length of a ticket's training with as many windows of its mode as ticket and merged network saw together."""
    control = merge.control_steps * merge.control_windows / modes / ticket.control_windows
    audio = merge.audio_steps * merge.audio_windows / modes / ticket.audio_windows
    return replace(
        ticket, control_steps=ticket.control_steps + round(control), audio_steps=ticket.audio_steps + round(audio)
    )


def lengthened(merge: Length, ticket: Length, modes: int) -> Length:
    """Length of the merge's training with as many windows as tickets and merge together."""
    control = ticket.control_steps * ticket.control_windows * modes / merge.control_windows
    audio = ticket.audio_steps * ticket.audio_windows * modes / merge.audio_windows
    return replace(
        merge, control_steps=merge.control_steps + round(control), audio_steps=merge.audio_steps + round(audio)
    )


def alone(
    run: Run, family: Family, kind: str, source: Run, material: Material, length: Length, seed: int, step: Step
) -> None:
    """Train one network on one mode: ``dense``, ``ticket`` or ``small``."""
    with run.claimed(step) as todo:
        if not todo:
            return
        if kind == "dense":
            network = family.build(1, family.dense, seed)
        else:
            network = load_ticket(family, source).ticket.network(family)
            if kind == "small":
                network = family.build(1, network.size, seed)
        _train(run, family, network, [material.training], length, seed, "alone", step)


def together(
    run: Run,
    family: Family,
    tickets: Sequence[Run],
    materials: Sequence[Material],
    length: Length,
    seed: int,
    step: Step,
) -> None:
    """Train the joint baseline for a given length."""
    with run.claimed(step) as todo:
        if not todo:
            return
        drawn = [load_ticket(family, ticket) for ticket in tickets]
        network = joint_network(family, drawn, MergedSize(), seed)
        _train(run, family, network, [material.training for material in materials], length, seed, "merge", step)


def _train(
    run: Run,
    family: Family,
    network: Generator,
    data: Sequence[ModeData],
    length: Length,
    seed: int,
    purpose: str,
    step: Step,
) -> None:
    trainee = family.trainee(network, data, seed)
    train_in(run, trainee, family.phases(trainee, data, length, seed, purpose), step)
    save_trainee(run, "trained", trainee)
    run.finish({"parameters": count_parameters(network)})


def one_seed(
    materials: Sequence[Material], seed: int, effort: str, extra: Sequence[str], store: RunStore, reporter: Reporter
) -> dict[str, tuple[int, Errors]]:
    """All rows for one seed: name → (parameters, errors)."""
    settings = Settings(effort=effort, seed=seed, method="core")
    family, lengths = settings.networks, settings.lengths
    dense = train_all(materials, settings, store, reporter)
    tickets = draw_all(materials, dense, settings, store, reporter)
    merged, joint = merge_all(materials, tickets, settings, store, reporter, baselines=True)
    assert joint is not None
    long = longer(lengths.ticket, lengths.merge, len(materials))
    kinds = {"dense": ("dense", lengths.ticket), "small": ("small", lengths.ticket), "ticket, long": ("ticket", long)}
    jobs, runs = [], {}
    kinds = {row: kind for row, kind in kinds.items() if row in extra}
    for row, (kind, length) in kinds.items():
        for material, ticket in zip(materials, tickets, strict=True):
            facts = {"kind": kind, "ticket": ticket.name, "length": asdict(length), "seed": seed}
            run = store.open(Spec("alone", VERSION, family.name, facts))
            runs[row, material.name] = run
            jobs.append(Job(f"{row} {material.name}", alone, (run, family, kind, ticket, material, length, seed)))
    more = lengthened(lengths.merge, lengths.ticket, len(materials))
    facts = {"tickets": [run.name for run in tickets], "length": asdict(more), "seed": seed}
    joint_long = store.open(Spec("together", VERSION, family.name, facts))
    if JOINT_LONG in extra:
        jobs.append(Job(JOINT_LONG, together, (joint_long, family, tickets, materials, more, seed)))
    run_jobs(jobs, reporter)

    def row_of(runs: Sequence[Run], name: str, *, each_its_own: bool) -> tuple[int, Errors]:
        return _row(family, runs, name, materials, each_its_own=each_its_own)

    rows = {row: row_of([runs[row, m.name] for m in materials], "trained", each_its_own=True) for row in kinds}
    rows["ticket"] = row_of(tickets, "trained", each_its_own=True)
    if RANDOM in extra:
        drawn_by_lot = draw_all(materials, dense, replace(settings, criterion="random"), store, reporter)
        rows[RANDOM] = row_of(drawn_by_lot, "trained", each_its_own=True)
    for row, run, name in (
        ("joint", joint, "merged"),
        (JOINT_LONG, joint_long, "trained"),
        ("merged", merged, "merged"),
    ):
        if row != JOINT_LONG or row in extra:
            rows[row] = row_of([run] * len(materials), name, each_its_own=False)
    return rows


def _row(
    family: Family, runs: Sequence[Run], name: str, materials: Sequence[Material], *, each_its_own: bool
) -> tuple[int, Errors]:
    errors: Errors = {}
    for mode, (run, material) in enumerate(zip(runs, materials, strict=True)):
        trainee = load_trainee(family, run, name)
        plain, heard = held_out_errors(family, trainee, 0 if each_its_own else mode, material)
        errors |= {material.name: plain, material.name + HEARD: heard}
    parameters = sum(int(run.result()["parameters"]) for run in (runs if each_its_own else runs[:1]))
    return parameters, errors


def table(per_seed: Mapping[int, Mapping[str, tuple[int, Errors]]]) -> str:
    """Markdown: mean ± standard deviation over seeds of the mean over modes, and per mode."""
    seeds = list(per_seed)
    names = list(per_seed[seeds[0]])
    modes = [mode for mode in per_seed[seeds[0]][names[0]][1] if not mode.endswith(HEARD)]
    lines = [
        f"| network | parameters | {' | '.join(modes)} | mean | mean, timbre heard |",
        "|---" * (len(modes) + 4) + "|",
    ]
    for name in names:
        rows = [per_seed[seed][name][1] for seed in seeds]
        cells = [_spread([row[mode] for row in rows]) for mode in modes]
        cells.append(f"**{_spread([_mean(row, '') for row in rows])}**")
        cells.append(_spread([_mean(row, HEARD) for row in rows]))
        lines.append(f"| {name} | {per_seed[seeds[0]][name][0]} | {' | '.join(cells)} |")
    lines.append("")
    for first, second in (
        ("merged", "ticket"),
        ("merged", "ticket, long"),
        ("merged", "joint"),
        ("merged", "joint, long"),
        ("ticket", "dense"),
        ("ticket", "small"),
        ("ticket", RANDOM),
    ):
        if first not in names or second not in names:
            continue
        for suffix, how in (("", "default timbre"), (HEARD, "timbre heard")):
            ratios = [
                _mean(per_seed[seed][first][1], suffix) / _mean(per_seed[seed][second][1], suffix) for seed in seeds
            ]
            each = ", ".join(f"{ratio:.3f}" for ratio in ratios)
            lines.append(f"- {first} / {second}, {how}: {np.mean(ratios):.3f} (seeds: {each})")
    return "\n".join(lines)


def _mean(errors: Errors, suffix: str) -> float:
    """Mean over modes, for one of the two ways to choose the timbre."""
    return float(np.mean([value for mode, value in errors.items() if mode.endswith(HEARD) == bool(suffix)]))


def _spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=min(1, len(values) - 1)):.3f}"


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--effort", default="normal")
    parser.add_argument(
        "--extra", nargs="*", choices=EXTRA, default=list(EXTRA), help="rows beside ticket, joint, merged"
    )
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="figures as JSON")
    options = parser.parse_args(arguments)
    per_seed = {}
    folders = parse_folders(options.folders)
    for seed in options.seeds:
        with reporting(Terminal(stderr=True)) as reporter:
            materials = gather(folders, reporter)
            per_seed[seed] = one_seed(materials, seed, options.effort, options.extra, RunStore(options.runs), reporter)
        options.out.write_text(json.dumps({str(key): value for key, value in per_seed.items()}, indent=1))
        for line in table(per_seed).split("\n"):
            Terminal().print(line, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
