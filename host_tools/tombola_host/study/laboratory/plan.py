"""A study as its file describes it, and the cells of its grid.

name = "honest"
families = ["voice"]
densities = [0.2, 0.1, 0.05, 0.01]
seeds = [0, 1, 2]

[corpora]
sax = "recordings/sax"

[[row]]
name = "rewound"
criterion = ["magnitude", "fisher"]

[[row]]
name = "random"
criterion = "random"
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from platformdirs import user_cache_path
from tombola_device.contract.errors import BadConfig

from tombola_host.corpus.folders import check_name
from tombola_host.generators import learnable_named
from tombola_host.generators.presets import PRESETS, size_named
from tombola_host.lottery.drum import Ways
from tombola_host.lottery.schedules import schedule_named
from tombola_host.training.effort import Length

Choice = str | list[str]
TRAININGS = {
    "equal-steps": "as many steps as the dense network",
    "equal-cpu": "as much processor time as dense training, lottery and ticket together",
    "distilled": "as many steps, towards the recordings and the dense network's output",
}
NO_LOTTERY = "dense"
MOST_CELLS = 20_000


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to make a small network, or several: each field that is a list stands for one row an entry.

    Args:
        densities: Those of the study without them.
    """

    name: str
    densities: list[float] = msgspec.field(default_factory=list)
    criterion: Choice = "magnitude"
    scope: Choice = "global"
    scaling: Choice = "mean"
    schedule: Choice = "one-shot"
    reset: Choice = "rewind"
    training: Choice = "equal-steps"


class Steps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Length of the dense training and of each ticket's; see ``Length``."""

    control_steps: int = 200
    audio_steps: int = 0
    control_windows: int = 8
    audio_windows: int = 4
    learning_rate: float = 3e-3

    def length(self) -> Length:
        """The same as a ``Length``."""
        return Length(**msgspec.structs.asdict(self))


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A study: every row in every density, for each family, corpus and seed; and the dense networks beside them."""

    name: str
    corpora: dict[str, str]
    families: list[str]
    densities: list[float]
    seeds: list[int]
    row: list[Row]
    size: str = "small"
    steps: Steps = Steps()

    def check(self) -> None:
        """Refuse what cannot be run before hours are spent.

        Raises:
            BadConfig: A name is unknown, a density is no share, or something is missing or given twice.
        """
        check_name("study", self.name)
        for what, given in (("corpora", self.corpora), ("families", self.families), ("densities", self.densities)):
            if not given:
                raise BadConfig(f"the study {self.name!r} has no {what}; give at least one")
        if self.steps.control_steps + self.steps.audio_steps < 1 or min(self.seeds, default=-1) < 0:
            raise BadConfig(f"the study {self.name!r} has no steps or no seeds, or a negative one; correct it")
        for name, folder in self.corpora.items():
            if not Path(folder).is_dir():
                raise BadConfig(f"the corpus {name!r} is missing: there is no folder {folder}; correct its path")
        for density in (*self.densities, *(each for row in self.row for each in row.densities)):
            if not 0 < density < 1:
                raise BadConfig(f"a density of {density:g} is no share of a network; give one between 0 and 1")
        for family in self.families:
            learnable_named(family)
            size_named(family, self.size)
        self._check_cells()

    def _check_cells(self) -> None:
        cells = cells_of(self)
        if len(cells) > MOST_CELLS:
            raise BadConfig(f"the study {self.name!r} has {len(cells)} cells; {MOST_CELLS} is the most, so thin it out")
        if len({cell.place for cell in cells}) < len(cells):
            raise BadConfig(f"the study {self.name!r} has a value or a row twice; leave one out")
        for cell in cells:
            cell.check()


class Cell(msgspec.Struct, frozen=True):
    """One network of a study.

    Args:
        row: Name of the row; a row of lists has the chosen values behind it.
        density: Share of the dense network's parameters; 1 for the dense network itself.
        training: A name in ``TRAININGS``.
    """

    row: str
    family: str
    corpus: str
    density: float
    seed: int
    schedule: str = "one-shot"
    training: str = "equal-steps"
    ways: Ways = Ways()

    @property
    def dense(self) -> bool:
        """Whether this is the dense network itself."""
        return self.density == 1

    @property
    def place(self) -> tuple[str, str, str, float, int]:
        """Where it stands in the grid."""
        return self.row, self.family, self.corpus, self.density, self.seed

    @property
    def title(self) -> str:
        """For progress."""
        where = "" if self.dense else f" at {self.density:g}"
        return f"{self.row}{where}: {self.family} {self.corpus} seed {self.seed}"

    def check(self) -> None:
        """Refuse unknown names.

        Raises:
            BadConfig: A name is unknown, or the family cannot be distilled.
        """
        self.ways.check()
        schedule_named(self.schedule)
        if self.training not in TRAININGS:
            raise BadConfig(f"there is no training {self.training!r}; choose one of: {', '.join(TRAININGS)}")
        if self.training == "distilled" and not PRESETS[self.family].taught:
            raise BadConfig(f"networks of the family {self.family!r} cannot be distilled; leave that row out")


def read_study(path: Path, fetched: Path | None = None) -> Study:
    """Read and check a study's file.

    Args:
        path: Paths of corpora are relative to it.
        fetched: Where a corpus is looked for that is not there: beside the recordings that were fetched; by default
            the user's cache.

    Raises:
        BadConfig: It cannot be read, is not TOML, or asks for what cannot be run.
    """
    try:
        given = tomllib.loads(path.read_text("utf-8"))
        study = msgspec.convert(given, Study)
    except OSError as error:
        raise BadConfig(f"the study {path} cannot be read ({error.strerror}); check the path") from error
    except RecursionError as error:
        raise BadConfig(f"the study {path} is nested too deeply; correct it") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfig(f"the study {path} is not TOML ({error}); correct it") from error
    except msgspec.ValidationError as error:
        raise BadConfig(f"the study {path} asks for what there is not ({error}); correct it") from error
    beside = fetched or user_cache_path("tombola")
    folders = {name: _folder(path.parent, beside, Path(folder).expanduser()) for name, folder in study.corpora.items()}
    study = msgspec.structs.replace(study, corpora=folders)
    study.check()
    return study


def _folder(first: Path, second: Path, folder: Path) -> str:
    return str(second / folder if (second / folder).is_dir() and not (first / folder).is_dir() else first / folder)


def cells_of(study: Study) -> tuple[Cell, ...]:
    """All cells, the dense networks first."""
    grid = list(itertools.product(study.families, study.corpora, study.seeds))
    dense = [Cell(NO_LOTTERY, family, corpus, 1.0, seed) for family, corpus, seed in grid]
    return (
        *dense,
        *(
            Cell(name, family, corpus, density, seed, schedule, training, ways)
            for row in study.row
            for name, schedule, training, ways in _spread(row)
            for density in row.densities or study.densities
            for family, corpus, seed in grid
        ),
    )


def _spread(row: Row) -> list[tuple[str, str, str, Ways]]:
    """A row of lists as rows: name, schedule, training, ways."""
    fields = ("criterion", "scope", "scaling", "schedule", "reset", "training")
    choices: Sequence[list[str]] = [
        [given] if isinstance(given := getattr(row, field), str) else given for field in fields
    ]
    several = [len(choice) > 1 for choice in choices]
    found = []
    for chosen in itertools.product(*choices):
        said = [value for value, named in zip(chosen, several, strict=True) if named]
        criterion, scope, scaling, schedule, reset, training = chosen
        found.append((" ".join([row.name, *said]), schedule, training, Ways(criterion, scope, scaling, reset)))
    return found
