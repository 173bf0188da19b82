"""Limits what a bundle can take from the rest of the instrument while it plays."""

from __future__ import annotations

import contextlib
from typing import Final

MEMORY_BYTES: Final = 5 << 28
"""Address space of the audio process, 1.25 GiB. Measured: 0.4 GiB with the factory bundle and sixteen voices, 0.9 GiB
in swaps between two bundles of 60 MB. A bundle whose state counted periods took 1.6 GB."""


def limit_memory(memory_bytes: int = MEMORY_BYTES) -> None:
    """Limit the address space of this process: beyond it the bundle fails, and not the instrument."""
    try:
        import resource
    except ImportError:  # Not a Unix.
        return
    with contextlib.suppress(ValueError, OSError):  # A lower limit is set already, or the system knows none.
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
