"""The information plane of a dense voice in training, with its caveats in the figure, and the effective rank beside.

    python -m tombola_host.study.experiments.information_plane sax=FOLDER --seeds 0 1 2 --out p.svg --json p.json

Source: Shwartz-Ziv & Tishby 2017, "Opening the black box of deep neural networks via information"; against it Saxe et
al. 2018, "On the information bottleneck theory of deep learning"; effective rank: Roy & Vetterli 2007.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tombola_device.contract.controls import SCALAR_COLUMNS
from torch import Tensor

from tombola_host.corpus.folders import parse_folders
from tombola_host.corpus.material import Material, gather
from tombola_host.generators import learnable_named
from tombola_host.lottery.criteria.information import information_between
from tombola_host.lottery.drum import Trained
from tombola_host.lottery.evidence import Evidence
from tombola_host.lottery.watching import Watched
from tombola_host.progress import reporting
from tombola_host.runs.store import write_atomically
from tombola_host.study.laboratory.cell import size_of
from tombola_host.terminal import Terminal, with_exit_code
from tombola_host.training.effort import Length
from tombola_host.training.loop import Loop

FAMILY, SIZE = "voice", "small"
LENGTH = Length(150, 20, control_windows=8, audio_windows=4)
LOOKS = 17
ASKED = len(SCALAR_COLUMNS) + 1
"""Columns of the facts that were asked for, with one mode; the others should come out."""
CAVEATS = (
    "Caveats: the true information of a deterministic network is infinite. Drawn is a lower bound: Gaussian copula of\n"
    "four principal components on each side, most 4 × a few bits; slow notes raise it. tanh that saturates looks like\n"
    "compression (Saxe et al. 2018), and so does a falling rank. Mean of {seeds} seeds."
)
Look = tuple[int, str, float, float, float]
"""Step, layer, bits shared with what was asked, bits shared with what should come out, effective rank."""


def effective_rank(rows: Tensor) -> float:
    """The exponential of the entropy of the normalised singular values. (n, U) → 1 … U."""
    values = torch.linalg.svdvals((rows - rows.mean(dim=0)).double())
    shares = values / values.sum().clamp(min=1e-12)
    return float(torch.exp(-(shares * shares.clamp(min=1e-12).log()).sum()))


def looks_of(material: Material, seed: int) -> list[Look]:
    """Train a dense network, and look at its layers a few times."""
    found: list[Look] = []
    family, data = learnable_named(FAMILY), [material.training]
    trainee = family.trainee(family.build(1, size_of(family, SIZE), seed), data, seed)
    phases = family.phases(trainee, data, LENGTH, seed, "dense")
    first = {name: tensor.clone() for name, tensor in trainee.network.state_dict().items()}
    objective = phases[0].turns[0].objective  # The control domain's: it has facts in both phases.

    def look(done: int, total: int, trained: Trained) -> bool:
        if done == 1 or done % (total // LOOKS) == 0:
            evidence = Evidence(trained.network, trained.network.unit_groups(), first, seed=seed, objective=objective)
            for group in evidence.groups:
                units, facts = evidence.informed(group.name)
                asked, due = (information_between(units, part) for part in (facts[:, :ASKED], facts[:, ASKED:]))
                found.append((done, group.name, asked, due, effective_rank(units)))
        return False

    Loop(trainee, phases, (Watched(look, Trained(trainee.network, first, {}, objective)),)).run()
    return found


def mean_path(looks: Sequence[Sequence[Look]], layer: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Step, both informations and rank, mean over seeds. Shape (looks, 4)."""
    paths = [[[each[0], *each[2:]] for each in seed if each[1] == layer] for seed in looks]
    return np.asarray(np.mean(np.array(paths, np.float64), axis=0))


def picture(looks: Sequence[Sequence[Look]], path: Path) -> None:
    """The plane and the rank, with the caveats under them."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.4), layout="constrained")
    FigureCanvasSVG(figure)
    plane, rank = figure.subplots(1, 2, width_ratios=(1.6, 1.0))
    for layer, marker in zip(dict.fromkeys(each[1] for each in looks[0]), "os", strict=False):
        steps, asked, due, ranks = mean_path(looks, layer).T
        dots = plane.scatter(asked, due, c=steps, marker=marker, cmap="viridis", label=layer, zorder=2)
        plane.plot(asked, due, color="#999999", linewidth=0.8, zorder=1)
        rank.plot(steps, ranks, marker=marker, markersize=3, label=layer)
    figure.colorbar(dots, ax=plane, label="step")
    plane.set(xlabel="bits shared with what was asked for", ylabel="bits shared with what should come out")
    rank.set(xlabel="step", ylabel="effective rank")
    rank.axvline(LENGTH.control_steps, color="#999999", linestyle=":")
    for axes in (plane, rank):
        axes.legend(frameon=False)
    figure.supxlabel(CAVEATS.format(seeds=len(looks)), fontsize=8, x=0.01, ha="left")
    with rc_context({"svg.fonttype": "none"}):  # Text stays text.
        figure.savefig(path, format="svg")


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Train, look, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", metavar="NAME=FOLDER")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with reporting(Terminal(stderr=True)) as reporter:
        (material,) = gather(parse_folders([options.mode]), reporter, fresh=True)
        looks = [looks_of(material, seed) for seed in options.seeds]
    picture(looks, options.out)
    if options.json:
        write_atomically(options.json, json.dumps(looks).encode())


if __name__ == "__main__":
    sys.exit(main())
