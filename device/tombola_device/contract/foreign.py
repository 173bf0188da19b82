"""Text that comes from outside: names in bundles, of files, ports and keys, and reasons that a library gives.

Such text may hold escape sequences of a terminal, line breaks and signs that turn the direction of writing. Printed as
it is, it forges lines of the log or rewrites the screen. So everything that leaves the program for a person passes
``plain``, at the last moment: in ``tombolad``'s ``show`` and ``log_plainly``, and in ``tombola``'s ``terminal``.
"""

from __future__ import annotations

import logging
import unicodedata
from typing import Final

LONGEST_LOGGED: Final = 2000
"""Letters of a line in the log; a library's reason can quote a name of megabytes."""


def plain(text: str) -> str:
    r"""Write everything that cannot be seen as an escape of JSON, line breaks too; the result is one line.

    Line breaks cannot stand inside JSON's strings, so one line of JSON keeps its meaning.

    >>> print(plain("a\x1b[2J\nb\u202e"))
    a\u001b[2J\u000ab\u202e
    """
    return "".join(letter if _seen(letter) else _escaped(letter) for letter in text)


def _seen(letter: str) -> bool:
    """Whether a letter shows itself; so do spaces of any width, which ``isprintable`` denies."""
    return letter.isprintable() or unicodedata.category(letter) == "Zs"


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class PlainFormatter(logging.Formatter):
    """A formatter of logs whose messages take one line each. The lines of a traceback begin with ``| ``."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """See logging.Formatter."""
        line = plain(super().formatMessage(record))
        return line if len(line) <= LONGEST_LOGGED else line[:LONGEST_LOGGED] + "…"

    def formatException(self, ei: logging._SysExcInfoType) -> str:  # noqa: N802
        """See logging.Formatter."""
        return "\n".join(f"| {plain(line)}" for line in super().formatException(ei).split("\n"))


def log_plainly(level: int = logging.WARNING) -> None:
    """Log to stderr from now on, through ``plain``."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("tombolad: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
