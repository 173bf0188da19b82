"""The specification of a run: all that it depends on. Its hash is the run's name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Facts = Mapping[str, Any]
"""Values that JSON can store: what a run depends on, or its result."""


@dataclass(frozen=True, slots=True)
class Spec:
    """The task of a stage.

    >>> Spec("train", 1, "voice", {"seed": 0}).name
    'train-a5e51273a028'

    Args:
        stage: The stage's name.
        version: Version of the stage; raised when the same facts mean something else.
        family: The family's name; empty for stages without a family.
        facts: Everything else that the result depends on.
    """

    stage: str
    version: int
    family: str = ""
    facts: Facts = field(default_factory=dict)

    def as_json(self) -> str:
        """Canonical JSON: equal specs give equal text."""
        whole = {"stage": self.stage, "version": self.version, "family": self.family, "facts": dict(self.facts)}
        return json.dumps(whole, sort_keys=True, separators=(",", ":"))

    @property
    def name(self) -> str:
        """The stage and 12 hexadecimal digits of the hash."""
        return f"{self.stage}-{hashlib.sha256(self.as_json().encode()).hexdigest()[:12]}"
