"""Run directories: every stage keeps its results under a name that is the hash of everything they depend on."""

from __future__ import annotations

import hashlib
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
SEAL = "sha256"
"""What is read back is checked with it, if it is there: runs of before have none."""
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

        Raises:
            StoreError: The claim cannot be written.
        """
        lock = FileLock(self.path / ".claim")
        while True:
            try:
                lock.acquire(timeout=CLAIM_POLL_S)
                break
            except Timeout:
                step(0, 1, "waiting for another worker")
            except OSError as error:
                raise StoreError(
                    f"{self.path} cannot be claimed ({error.strerror}); free some space or delete it, and run again"
                ) from error
        try:
            for pattern in (".*.safetensors.*", ".result.json.*"):  # What a killed worker was writing.
                for part in self.path.glob(pattern):
                    part.unlink(missing_ok=True)
            if self.done:
                step(1, 1, "done before")
            yield not self.done
        finally:
            lock.release()

    def finish(self, result: Facts) -> None:
        """Write the result and delete the checkpoint; from now on the run is done."""
        sealed = {**result, SEAL: _digest(json.dumps(result).encode())}
        write_atomically(self.path / "result.json", json.dumps(sealed, indent=1).encode())
        (self.path / "checkpoint.safetensors").unlink(missing_ok=True)

    def result(self) -> dict[str, Any]:
        """The result that ``finish`` wrote.

        Raises:
            BadRun: The result cannot be read, or was changed since.
        """
        try:
            result = json.loads((self.path / "result.json").read_bytes())
            if not isinstance(result, dict) or not result:
                raise TypeError("it holds nothing")  # noqa: TRY301 - told like all other damage
            if (seal := result.pop(SEAL, None)) is not None and seal != _digest(json.dumps(result).encode()):
                raise ValueError("a part of it has changed")  # noqa: TRY301
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise BadRun(
                f"the result in {self.path} cannot be read ({error}); delete the folder and run again"
            ) from error
        return result

    def save(self, name: str, tensors: dict[str, Tensor]) -> None:
        """Write tensors under a name, sealed with the hash of all that they are."""
        from safetensors.torch import save

        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        write_atomically(self.path / f"{name}.safetensors", save(whole, {SEAL: _digest(save(whole))}))

    def load(self, name: str) -> dict[str, Tensor]:
        """Read the tensors of a name.

        Raises:
            BadRun: The file is missing, damaged, or was changed since.
        """
        from safetensors.torch import load, save

        path = self.path / f"{name}.safetensors"
        try:
            data = path.read_bytes()
            tensors = dict(load(data))
            if (seal := _metadata(data).get(SEAL)) is not None and seal != _digest(save(tensors)):
                raise ValueError("a part of them has changed")  # noqa: TRY301 - told like all other damage
        except (OSError, SafetensorError, ValueError) as error:
            raise BadRun(f"the weights in {path} cannot be read ({error}); delete {self.path} and run again") from error
        return tensors

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


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _metadata(data: bytes) -> dict[str, str]:
    """What a whole safetensors file holds beside its tensors: its header is a length of 8 bytes, then JSON."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return dict(header.get("__metadata__", {}))


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
