"""Hooks of the training loop: progress and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from tombola_host.training.loop import Loop, Stepped

CHECKPOINT_STEPS = 100


class Checkpoint(Protocol):
    """Keeps an unfinished training. See ``runs.store.RunCheckpoint``.

    A minimal one:

    >>> class Memory:
    ...     saved: dict[str, Tensor] | None = None
    ...
    ...     def load(self) -> dict[str, Tensor] | None:
    ...         return self.saved
    ...
    ...     def save(self, tensors: dict[str, Tensor]) -> None:
    ...         self.saved = tensors
    >>> checkpoint: Checkpoint = Memory()
    >>> _ = Loop(One(nn.Linear(4, 4)), [phase], [Checkpoints(checkpoint, every=2)]).run()
    >>> int(checkpoint.load()["step"])
    2
    """

    def load(self) -> dict[str, Tensor] | None:
        """The tensors saved last; None if there are none."""

    def save(self, tensors: dict[str, Tensor]) -> None:
        """Replace the saved tensors, atomically."""


class Checkpoints:
    """Continues from the last checkpoint, and saves one at regular steps.

    Args:
        checkpoint: Where it is kept.
        every: Number of steps between two checkpoints.
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
    """Reports progress after each step.

    Args:
        tell: Called with steps done, steps in all, and a short text with the loss.
    """

    def __init__(self, tell: Callable[[int, int, str], None]) -> None:
        self._tell = tell

    def before(self, loop: Loop) -> None:
        """See Hook."""

    def after(self, loop: Loop, stepped: Stepped) -> None:
        """See Hook."""
        del loop
        self._tell(stepped.done, stepped.total, f"loss {stepped.loss:.3f}")
