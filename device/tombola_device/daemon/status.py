"""The daemon's status: a small file that is replaced twice a second; and the lock that the daemon holds."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from tombola_device.contract.errors import DeviceUnavailable, StoreError

STATUS_NAME, LOCK_NAME = "status.json", "lock"
STALE_S = 5.0


class DaemonStatus(msgspec.Struct, frozen=True):
    """The daemon at ``time_s``."""

    pid: int
    time_s: float
    bundle: str
    modes: list[str]
    sha256: str
    confirmed: bool
    audio: str
    midi: list[str]
    panel: str
    serial: str
    voices: int
    voice_limit: int
    slimmed: int
    """How often voices were taken away because a period took too long to render."""
    lost: bool
    """Whether the card is unplugged."""
    sounding: int
    blend: list[float]
    periods: int
    xruns: int
    load_p50_us: float
    load_p99_us: float
    latency_p50_ms: float
    latency_max_ms: float
    """Time from an input's change to the first sample that it changed, when that leaves the card."""
    peak_db: float
    fault: str
    refused: list[str]
    """What the system did not grant the audio process."""
    doing: str = ""
    """One line, as systemd is told it."""


def write_status(folder: Path, status: DaemonStatus) -> None:
    """Replace the file in one step.

    Raises:
        StoreError: It cannot be written.
    """
    new = folder / f"{STATUS_NAME}.new"
    try:
        new.write_bytes(msgspec.json.encode(status))
        new.replace(folder / STATUS_NAME)
    except OSError as error:
        raise StoreError(f"the status in {folder} cannot be written ({error.strerror}); check the disk") from error


def read_status(folder: Path) -> DaemonStatus:
    """Read the status of a running daemon.

    Raises:
        DeviceUnavailable: None runs with this folder.
    """
    try:
        status = msgspec.json.decode((folder / STATUS_NAME).read_bytes(), type=DaemonStatus)
    except (OSError, msgspec.DecodeError) as error:
        raise DeviceUnavailable(f"no tombolad runs with {folder}; start it with `tombolad run`") from error
    if abs(time.time() - status.time_s) > STALE_S:
        raise DeviceUnavailable(f"the tombolad of {folder} has ended; start it with `tombolad run`")
    return status


class Lock:
    """Lets only one daemon run per folder.

    Raises:
        DeviceUnavailable: Another one runs.
        StoreError: The folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"{folder} cannot be written ({error.strerror}); set state_dir to another folder"
            ) from error
        try:
            import fcntl

            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            return  # Windows: two daemons would only disturb each other's status.
        except OSError as error:
            os.close(self._file)
            raise DeviceUnavailable(
                f"another tombolad runs with {folder}; stop it, or give this one another state_dir"
            ) from error

    def __enter__(self) -> Self:
        """Held since it was made."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        os.close(self._file)
