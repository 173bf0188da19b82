"""Random numbers by purpose: every use has its own stream, determined by seed, purpose and step.

Arithmetic on seeds gives dependent streams: with ``seed + round``, round 1 of seed 0 draws the numbers of round 0 of
seed 1, and two networks made directly after ``manual_seed(seed)`` start from the same numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def stream(seed: int, purpose: str, step: int = 0) -> np.random.Generator:
    """A stream of random numbers that no other seed, purpose or step shares.

    >>> first = stream(0, "ticket windows", step=3).integers(1000, size=4)
    >>> bool((first == stream(0, "ticket windows", step=3).integers(1000, size=4)).all())
    True

    Source: numpy's ``SeedSequence``, which mixes all words of its input.
    """
    words = np.frombuffer(hashlib.sha256(purpose.encode()).digest()[:16], np.uint32)
    return np.random.default_rng([seed, step, *words.tolist()])


def torch_stream(seed: int, purpose: str, step: int = 0) -> torch.Generator:
    """The same, as a torch generator."""
    return torch.Generator().manual_seed(int(stream(seed, purpose, step).integers(2**63)))


@contextmanager
def first_weights(seed: int, purpose: str) -> Iterator[None]:
    """Draw the first weights of networks made in the block from this stream; torch's global stream is unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stream(seed, purpose).integers(2**63)))
        yield
