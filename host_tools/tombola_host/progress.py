"""Progress of long work: one bar with the remaining time, or plain lines without a terminal.

>>> reporter = Silent()
>>> reporter.plan([Part("listening to violin", 20.0), Part("learning violin", 40.0)])
>>> step = reporter.task("learning violin")
>>> step(12, 24, "loss 0.412")

The plan lists the parts of the work, and how long each takes on a common computer. The remaining time is the rest of
the plan, multiplied by how much slower this computer has been so far.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column
from tombola_device.contract.foreign import plain

Step = Callable[[int, int, str], None]
"""Reports progress; called with the amount done, the total, and a short text."""

LINE_EVERY_S = 10.0
"""Time between two plain lines: rare enough for a log, often enough to show that work goes on."""
FIRST_LINE_S = 2.0
"""Work that ends sooner gets no line."""
REDRAW_EVERY_S = 0.25
UNPLANNED_S = 5.0
LEARNING_S = 15.0
"""This many planned seconds outweigh the first measurements: the start is slow and says little about the rest."""
WAITING_SPEED = 0.7
"""A part that has not reported yet advances with time, ever slower, and is half done at the planned time: two parts
side by side each take twice their share."""
SKIPPED_SPEED = 5.0
"""If a first report comes this many times sooner than planned, the work was done in an earlier run."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the work.

    Args:
        title: The title that ``Reporter.task`` will get.
        seconds: Duration on a common computer; for parts that run side by side, each part's share.
    """

    title: str
    seconds: float


class Reporter(Protocol):
    """Receives the progress of long work.

    A minimal one, which keeps titles and lines:

    >>> class Notes:
    ...     def __init__(self) -> None:
    ...         self.lines: list[str] = []
    ...
    ...     def plan(self, parts: Sequence[Part]) -> None:
    ...         pass
    ...
    ...     def task(self, title: str) -> Step:
    ...         self.lines.append(title)
    ...         return lambda done, total, word: None
    ...
    ...     def say(self, text: str) -> None:
    ...         self.lines.append(text)
    >>> reporter: Reporter = Notes()
    >>> reporter.task("learning violin")(1, 24, "loss 0.412")
    >>> reporter.lines
    ['learning violin']
    """

    def plan(self, parts: Sequence[Part]) -> None:
        """Announce the parts before they begin; may be called again with more parts or better durations."""

    def task(self, title: str) -> Step:
        """Begin a part; call the result to report progress."""

    def say(self, text: str) -> None:
        """Show one line permanently."""


class Silent:
    """Discards all progress."""

    def plan(self, parts: Sequence[Part]) -> None:
        """Discard the plan."""

    def task(self, title: str) -> Step:
        """Discard a part."""
        del title
        return lambda done, total, word: None

    def say(self, text: str) -> None:
        """Discard a line."""


class _Work:
    """A part, and its progress."""

    def __init__(self, part: Part) -> None:
        self.title = part.title
        self.seconds = part.seconds
        self.begun_s: float | None = None
        self.start = 0.0
        self.share = 0.0
        self.word = ""
        self.told = False

    def tell(self, share: float, word: str, now_s: float) -> None:
        assert self.begun_s is not None
        if not self.told and (now_s - self.begun_s) * SKIPPED_SPEED < share * self.seconds:
            self.start = share  # Done in an earlier run: neither part of the plan nor a measure of speed.
        self.told, self.share, self.word = True, share, word

    def done_s(self, now_s: float, slowness: float) -> float:
        """Planned seconds that are done."""
        if self.begun_s is None:
            return 0.0
        if not self.told:
            expected_s = max(self.seconds * slowness, 1e-6)
            return self.seconds * (1.0 - math.exp(-WAITING_SPEED * (now_s - self.begun_s) / expected_s))
        return self.seconds * (self.share - self.start)

    @property
    def whole_s(self) -> float:
        """Planned seconds that remained when this run began the part."""
        return self.seconds * (1.0 - self.start)


class Meter:
    """Overall progress and remaining time: sums over the plan. The caller gives the time."""

    def __init__(self, now_s: float) -> None:
        self._begun_s = now_s
        self._works: list[_Work] = []
        self._slowness = 1.0
        self._reached = 0.0

    def plan(self, parts: Sequence[Part]) -> None:
        """Add parts; a part replaces a planned one of the same title."""
        titles = {part.title for part in parts}
        self._works = [work for work in self._works if work.begun_s is not None or work.title not in titles]
        self._works += [_Work(part) for part in parts]

    def begin(self, title: str, now_s: float) -> Callable[[int, int, str, float], None]:
        """Begin a part, planned or not; call the result with done, total, text and time."""
        work = next((w for w in self._works if w.title == title and w.begun_s is None), None)
        if work is None:
            work = _Work(Part(title, UNPLANNED_S))
            self._works.append(work)
        work.begun_s = now_s

        def tell(done: int, total: int, word: str, at_s: float) -> None:
            work.tell(min(max(done / total, 0.0), 1.0) if total > 0 else 0.0, word, at_s)

        return tell

    def share(self, now_s: float) -> float:
        """Done share of the whole, 0 to 1; it never falls."""
        whole_s = sum(work.whole_s for work in self._works)
        if whole_s > 0:
            self._reached = max(self._reached, min(self._done_s(now_s) / whole_s, 1.0))
        return self._reached

    def to_go_s(self, now_s: float) -> float:
        """Estimated seconds to the end."""
        done_s = self._done_s(now_s)
        self._slowness = (now_s - self._begun_s + LEARNING_S) / (done_s + LEARNING_S)
        return (sum(work.whole_s for work in self._works) - done_s) * self._slowness

    def doing(self, *, words: bool) -> str:
        """The active parts; with ``words`` also their last texts."""
        active = [work for work in self._works if work.begun_s is not None and work.share < 1.0]
        if not active:
            return "nearly there" if any(work.begun_s is not None for work in self._works) else "getting ready"
        # With a single part, its text is the only information: the file, or the state of the line.
        told = [work.word for work in active if work.word] if words or len(self._works) == 1 else []
        return joined([work.title for work in active]) + (f" ({', '.join(told)})" if told else "")

    def _done_s(self, now_s: float) -> float:
        return sum(work.done_s(now_s, self._slowness) for work in self._works)


def joined(titles: Sequence[str]) -> str:
    """Join titles: ``learning violin, bells`` from ``learning violin`` and ``learning bells``; others with "and"."""
    first, *others = dict.fromkeys(titles)
    verb, _, _ = first.rpartition(" ")
    if verb and all(other.startswith(f"{verb} ") for other in others):
        return ", ".join([first, *(other[len(verb) + 1 :] for other in others)])
    return " and ".join([first, *others])


def duration(seconds: float) -> str:
    """A duration in words: 40 s, 3 min, 1 h 20 min."""
    if seconds < 55:
        return f"{max(5 * round(seconds / 5), 5)} s"
    minutes = max(round(seconds / 60), 1)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


class Teller:
    """The ``Reporter`` of the command line: a meter, a console, and a log with the same lines.

    Args:
        console: The console for lines.
        log: A file for lines; the file and its folder are made if missing.
        clock: Gives a time in seconds that only rises.
    """

    def __init__(self, console: Console, log: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._log = log
        self._clock = clock
        self._lock = threading.RLock()
        self._meter = Meter(clock())

    def plan(self, parts: Sequence[Part]) -> None:
        """Add parts to the plan."""
        with self._lock:
            self._meter.plan(parts)

    def task(self, title: str) -> Step:
        """Begin a part."""
        with self._lock:
            tell = self._meter.begin(title, self._clock())
        self.note(f"begin {title}")

        def step(done: int, total: int, word: str) -> None:
            with self._lock:
                tell(done, total, word, self._clock())

        return step

    def say(self, text: str) -> None:
        """Show one line, never wrapped, so that a command in it can be copied; and log it."""
        self.show(text)
        self.note(text)

    def show(self, text: str) -> None:
        """Show a line without logging it."""
        self._console.print(plain(text), markup=False, highlight=False, soft_wrap=True)

    def share(self) -> float:
        """Done share of the whole, 0 to 1."""
        with self._lock:
            return self._meter.share(self._clock())

    def line(self, *, words: bool = False) -> str:
        """The overall progress in one line."""
        with self._lock:
            now_s = self._clock()
            share, to_go_s = self._meter.share(now_s), self._meter.to_go_s(now_s)
            return f"{100 * share:3.0f} % · {duration(to_go_s)} to go · {self._meter.doing(words=words)}"

    def note(self, text: str) -> None:
        """Write a line to the log."""
        if self._log is None:
            return
        with suppress(OSError):  # A full disk must not end the work.
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {plain(text)}\n")


@contextmanager
def reporting(console: Console, log: Path | None = None, every_s: float = LINE_EVERY_S) -> Iterator[Teller]:
    """Show progress on a console while the block runs: a bar on a terminal, else plain lines at intervals.

    Args:
        console: The console, usually stderr.
        log: A file for the lines.
        every_s: Time between two lines.
    """
    teller = Teller(console, log)
    with _drawing(console, teller) as draw:
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(teller, draw, every_s, ended), daemon=True)
        watcher.start()
        try:
            yield teller
        finally:
            ended.set()
            watcher.join(1.0)


@contextmanager
def _drawing(console: Console, teller: Teller) -> Iterator[Callable[[], None] | None]:
    """Yield a function that redraws the bar; None without a terminal."""
    if not console.is_terminal:
        yield None
        return
    text = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis"))
    with Progress(BarColumn(bar_width=24), text, console=console, auto_refresh=False, transient=True) as bar:
        whole = bar.add_task("", total=1.0)

        def draw() -> None:
            bar.update(whole, completed=teller.share(), description=escape(plain(teller.line())), refresh=True)

        yield draw


def _watch(teller: Teller, draw: Callable[[], None] | None, every_s: float, ended: threading.Event) -> None:
    """Write lines and redraw the bar in a separate thread, so that both continue during a long step."""
    due_s = time.monotonic() + min(FIRST_LINE_S, every_s)
    while not ended.wait(min(REDRAW_EVERY_S, every_s / 4)):
        if draw is not None:
            draw()
        if time.monotonic() >= due_s:
            due_s += every_s
            teller.note(teller.line(words=True))
            if draw is None:
                teller.show(teller.line())
