"""The size of a voice; a separate module, so that the command line need not import torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VoiceSize:
    """Units of a voice's input layer and of its trunk; how many partials have frequencies of their own."""

    input: int
    hidden: int
    free: int = 0
