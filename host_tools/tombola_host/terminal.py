"""The terminal: the one way out for what a person reads, so that no text from outside can steer it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import IO, Any, ParamSpec

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text
from tombola_device.contract.errors import TombolaError
from tombola_device.contract.foreign import plain

Arguments = ParamSpec("Arguments")


class Terminal(Console):
    r"""A console that shows every string as one line of what can be seen (``plain``).

    Print several lines as several strings. A line break is kept only in what is not a string: a table, JSON.

    >>> import sys
    >>> Terminal(file=sys.stdout).print("a\x1b[2J\nb")
    a\u001b[2J\u000ab

    Args:
        stderr: Write to stderr.
        file: Write there; by default stdout.
        soft_wrap: Never break long lines.
    """

    def __init__(self, *, stderr: bool = False, file: IO[str] | None = None, soft_wrap: bool = False) -> None:
        super().__init__(stderr=stderr, file=file, soft_wrap=soft_wrap, highlight=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - rich's list of options
        """See Console: makes Text of every string, also of those in tables, before they are laid out."""
        return super().render_str(plain(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See Console: everything that is shown passes here."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                shown = "\n".join(map(plain, segment.text.split("\n")))
                yield Segment(shown, segment.style)


def with_exit_code(main: Callable[Arguments, None]) -> Callable[Arguments, int]:
    """Let a program give its exit code: 0, or 1 after one sentence on stderr about what its user can mend."""

    @wraps(main)
    def run(*arguments: Arguments.args, **options: Arguments.kwargs) -> int:
        try:
            main(*arguments, **options)
        except TombolaError as error:
            Terminal(stderr=True).print(f"tombola: {error}", markup=False, soft_wrap=True)
            return 1
        return 0

    return run
