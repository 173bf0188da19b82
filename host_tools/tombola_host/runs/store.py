"""Run directories: every stage keeps its results under a name that is the hash of everything they depend on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError
from tombola_device.contract.errors import BadRun, StoreError

from tombola_host.progress import Step
from tombola_host.runs.spec import Facts, Spec

if TYPE_CHECKING:
    from torch import Tensor
SPEC_FILE = "spec.json"
CLAIM_POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """One stage's directory: ``spec.json`` from the start, ``result.json`` when it is done, and tensors."""

    path: Path

    @property
    def name(self) -> str:
        """Stage and hash, for provenance."""
        return self.path.name

    @property
    def done(self) -> bool:
        """Whether the stage is complete."""
        return (self.path / "result.json").exists()

    @contextmanager
    def claimed(self, step: Step) -> Iterator[bool]:
        """Keep other workers out while the block runs; the value tells whether work remains.

        A second worker waits here for the first and then finds the run done. A dead worker's claim is void.

        Args:
            step: Called if the run was done before, and while another worker holds the run.
        """
        lock = FileLock(self.path / ".claim")
        while True:
            try:
                lock.acquire(timeout=CLAIM_POLL_S)
                break
            except Timeout:
                step(0, 1, "waiting for another worker")
        try:
            if self.done:
                step(1, 1, "done before")
            yield not self.done
        finally:
            lock.release()

    def finish(self, result: Facts) -> None:
        """Write the result and delete the checkpoint; from now on the run is done."""
        write_atomically(self.path / "result.json", json.dumps(result, indent=1).encode())
        (self.path / "checkpoint.safetensors").unlink(missing_ok=True)

    def result(self) -> dict[str, Any]:
        """The result that ``finish`` wrote.

        Raises:
            BadRun: The result cannot be read.
        """
        try:
            result: dict[str, Any] = json.loads((self.path / "result.json").read_bytes())
        except (OSError, ValueError) as error:
            raise BadRun(
                f"the result in {self.path} cannot be read ({error}); delete the folder and run again"
            ) from error
        return result

    def save(self, name: str, tensors: dict[str, Tensor]) -> None:
        """Write tensors under a name."""
        from safetensors.torch import save

        write_atomically(self.path / f"{name}.safetensors", save({k: t.contiguous() for k, t in tensors.items()}))

    def load(self, name: str) -> dict[str, Tensor]:
        """Read the tensors of a name.

        Raises:
            BadRun: The file is missing or damaged.
        """
        from safetensors.torch import load

        path = self.path / f"{name}.safetensors"
        try:
            return dict(load(path.read_bytes()))
        except (OSError, SafetensorError) as error:
            raise BadRun(f"the weights in {path} cannot be read ({error}); delete {self.path} and run again") from error

    def checkpoint(self, name: str = "checkpoint") -> RunCheckpoint:
        """The place for an unfinished training of this run."""
        return RunCheckpoint(self, name)


@dataclass(frozen=True, slots=True)
class RunCheckpoint:
    """The last checkpoint of a training, in a run directory."""

    run: Run
    name: str

    def load(self) -> dict[str, Tensor] | None:
        """The last checkpoint; None if it is missing or damaged: training again is slow but right."""
        try:
            return self.run.load(self.name)
        except BadRun:
            return None

    def save(self, tensors: dict[str, Tensor]) -> None:
        """Replace the checkpoint."""
        self.run.save(self.name, tensors)


@dataclass(frozen=True, slots=True)
class RunStore:
    """The folder of all runs."""

    root: Path

    def open(self, spec: Spec) -> Run:
        """The run of a spec; its folder is made if it is new.

        Raises:
            StoreError: The folder cannot be made.
        """
        path = self.root / spec.name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot make the run folder {path}: {error.strerror}; choose another with --runs"
            ) from error
        if not (path / SPEC_FILE).exists():
            write_atomically(path / SPEC_FILE, spec.as_json().encode())
        return Run(path)

    def find(self, name: str) -> Run:
        """Find a run by its name or path.

        Raises:
            BadRun: There is no such run.
        """
        for path in (Path(name), self.root / name):
            if (path / SPEC_FILE).exists():
                return Run(path)
        raise BadRun(f"there is no run {name!r} here or in {self.root}; `ls {self.root}` shows those there are")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that readers see either the old content or the new, never a part.

    Raises:
        StoreError: The file cannot be written; the old content is unchanged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; free some space or choose another folder") from error
