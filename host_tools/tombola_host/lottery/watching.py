"""The hook through which a schedule watches a training."""

from __future__ import annotations

from tombola_host.lottery.drum import Trained, Watch
from tombola_host.training.loop import Loop, Stepped


class Ended(Exception):
    """A watch has ended its training."""


class Watched:
    """Calls a watch after each step. See ``Hook``."""

    def __init__(self, watch: Watch, trained: Trained) -> None:
        self._watch, self._trained = watch, trained

    def before(self, loop: Loop) -> None:
        """See Hook."""

    def after(self, loop: Loop, stepped: Stepped) -> None:
        """See Hook."""
        del loop
        if self._watch(stepped.done, stepped.total, self._trained):
            raise Ended
