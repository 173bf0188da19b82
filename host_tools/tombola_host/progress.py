"""What long work tells while it goes on. The command line draws it; tests and libraries may ignore it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

Step = Callable[[int, int, str], None]
"""Called with what is done, what there is to do, and a word on how it stands."""


class Reporter(Protocol):
    """Where progress goes."""

    def task(self, title: str) -> Step:
        """Begin a piece of work; call the result as it goes on."""

    def say(self, text: str) -> None:
        """One line that stays."""


class Silent:
    """Tells nobody."""

    def task(self, title: str) -> Step:
        """Ignore a piece of work."""
        del title
        return lambda done, total, word: None

    def say(self, text: str) -> None:
        """Ignore a line."""


class Bars:
    """Progress bars with the time to go.

    Args:
        progress: A running rich display.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def task(self, title: str) -> Step:
        """A bar of its own."""
        task: TaskID = self._progress.add_task(title, total=None, word="")

        def step(done: int, total: int, word: str) -> None:
            self._progress.update(task, completed=done, total=total, word=word)

        return step

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._progress.console.print(text, highlight=False)


@contextmanager
def bars(console: Console) -> Iterator[Reporter]:
    """Progress bars on a console while the block runs."""
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("[dim]{task.fields[word]}"),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        yield Bars(progress)
