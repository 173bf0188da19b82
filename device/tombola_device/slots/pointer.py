"""What ``slots.json`` says: which bundle is active, which is previous, and whether the active one has played."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

POINTER_NAME: Final = "slots.json"


class Slots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``slots.json``. Bundles are named by their SHA-256; None: the factory bundle.

    Args:
        active: The bundle that plays.
        previous: The last bundle before it that was confirmed.
        confirmed: Whether the active bundle has played.
        rejected: The last bundle that failed its trial or was reverted; for the status.
        boots: Number of boots of the active bundle before ``started`` or ``confirm``.
        faults: Number of faults of the active bundle after ``confirm``, since it last played for long.
    """

    active: str | None = None
    previous: str | None = None
    confirmed: bool = True
    rejected: str | None = None
    boots: Annotated[int, Meta(ge=0)] = 0
    faults: Annotated[int, Meta(ge=0)] = 0
