"""How large a voice is; known without the library that trains it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VoiceSize:
    """How wide a voice is: units of its input layer and of its trunk."""

    input: int
    hidden: int
