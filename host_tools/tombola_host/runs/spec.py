"""What a run depends on, frozen: its hash is the run's name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Facts = Mapping[str, Any]
"""JSON-able: what a run depends on, or what it found."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a stage is asked to do.

    >>> Spec("train", 1, "voice", {"seed": 0}).name
    'train-a5e51273a028'

    Args:
        stage: The stage's name.
        version: Of the stage: raised when the same facts come to mean something else.
        family: The family's name; empty for stages that know none.
        facts: All else that the result depends on.
    """

    stage: str
    version: int
    family: str = ""
    facts: Facts = field(default_factory=dict)

    def as_json(self) -> str:
        """Canonical: equal specs give equal text."""
        whole = {"stage": self.stage, "version": self.version, "family": self.family, "facts": dict(self.facts)}
        return json.dumps(whole, sort_keys=True, separators=(",", ":"))

    @property
    def name(self) -> str:
        """Stage and hash: 12 hexadecimal digits."""
        return f"{self.stage}-{hashlib.sha256(self.as_json().encode()).hexdigest()[:12]}"
