"""What can go wrong with the slots, in addition to what can be wrong with a bundle."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from tombola_device.contract.errors import BadBundle, StoreError, TombolaError


class DiskFull(StoreError):
    """The disk is too full for the bundle."""


class WrongHash(StoreError):
    """The stored bytes do not have the announced hash."""


class ProbeFailed(BadBundle):
    """The bundle is undamaged but does not play on this device."""


@contextlib.contextmanager
def sentences(folder: Path) -> Iterator[None]:
    """Turn errors of the operating system into one sentence."""
    try:
        yield
    except TombolaError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"the disk with {folder} is full; remove files there, then flash again") from error
        raise StoreError(f"the slots in {folder} cannot be used: {error.strerror or error}; check the disk") from error
