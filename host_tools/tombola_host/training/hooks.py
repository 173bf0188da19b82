"""Hooks of the training loop: progress and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from tombola_host.training.loop import Loop, Stepped

CHECKPOINT_STEPS = 100


class Checkpoint(Protocol):
    """Where an unfinished training is kept. See ``runs.store.RunCheckpoint``.

    A minimal one:

        class Memory:
            saved = None

            def load(self): return self.saved
            def save(self, tensors): self.saved = tensors
    """

    def load(self) -> dict[str, Tensor] | None:
        """What was saved last, or nothing."""

    def save(self, tensors: dict[str, Tensor]) -> None:
        """Replace what was saved, atomically."""


class Checkpoints:
    """Goes on from the last checkpoint, and saves one every so many steps.

    Args:
        checkpoint: Where it is kept.
        every: Steps from one to the next.
    """

    def __init__(self, checkpoint: Checkpoint, every: int = CHECKPOINT_STEPS) -> None:
        self._checkpoint, self._every = checkpoint, every

    def before(self, loop: Loop) -> None:
        """See Hook."""
        saved = self._checkpoint.load()
        if saved is not None:
            loop.restore(saved)

    def after(self, loop: Loop, stepped: Stepped) -> None:
        """See Hook."""
        if stepped.done % self._every == 0 and stepped.done < stepped.total:
            self._checkpoint.save(loop.snapshot())


class Told:
    """Tells somebody after each step.

    Args:
        tell: Called with steps done, steps in all and a word on how it stands.
    """

    def __init__(self, tell: Callable[[int, int, str], None]) -> None:
        self._tell = tell

    def before(self, loop: Loop) -> None:
        """See Hook."""

    def after(self, loop: Loop, stepped: Stepped) -> None:
        """See Hook."""
        del loop
        self._tell(stepped.done, stepped.total, f"loss {stepped.loss:.3f}")
