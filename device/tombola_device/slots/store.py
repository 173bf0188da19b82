"""Where bundles live on the device: an active one, the previous one, and an incoming one.

    <sha256>.partial    incoming: what came so far
    <sha256>.tombola    a whole bundle that was verified and probed
    slots.json          which of them is active, which is previous, and whether the active one has really played

A file that is named by ``slots.json`` is never written again, and ``slots.json`` is replaced by one rename; so at every
moment the disk names a playable bundle:

    append… ► sync ► SHA-256, decode, probe ► rename to .tombola ► sync folder
            ► write slots.json.new ► sync ► rename over slots.json ► sync folder ► remove what is in no slot

A new bundle is on trial until ``confirm``. A boot that finds one still on trial plays it again, since the power may
have gone before it could show that it plays, and counts that durably first; after TRIAL_BOOTS such boots it is given up
for the previous one. Without any slot the factory's bundle plays.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tombola_device.contract.bundle import MAX_BUNDLE_BYTES, Bundle, bundle_sha256, decode_bundle
from tombola_device.contract.errors import BadBundle, StoreError, TombolaError
from tombola_device.contract.refusals import Refused
from tombola_device.disk.files import DiskFiles, Files
from tombola_device.disk.sealed import read_sealed, write_sealed

RESERVE_BYTES: Final = 1 << 20
"""Left free, so that slots.json and the system's logs can still be written."""
POINTER_NAME: Final = "slots.json"
TRIAL_BOOTS: Final = 2
"""One for the power cut that nobody meant, one for the impatient hand."""


class DiskFull(StoreError):
    """There is no room for the bundle."""


class WrongHash(StoreError):
    """What was stored is not what was announced."""


class ProbeFailed(BadBundle):
    """The bundle is whole but does not play here."""


class Slots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``slots.json`` says; bundles by their SHA-256, None: the factory's.

    Args:
        active: What plays.
        previous: The last one before that has really played.
        confirmed: Whether the active one has really played.
        rejected: What was active and was taken back at last, for the status.
        boots: How often the active one was booted without having been confirmed.
    """

    active: str | None = None
    previous: str | None = None
    confirmed: bool = True
    rejected: str | None = None
    boots: Annotated[int, Meta(ge=0)] = 0


@dataclass(frozen=True, slots=True)
class HeldPart:
    """What the device has of a bundle that is offered: its first bytes, and their CRC-32."""

    offset: int
    crc32: int
    active: bool


@dataclass(frozen=True, slots=True)
class _Incoming:
    sha256: str
    size_bytes: int
    offset: int


class Store:
    """The slots in one folder. Nothing is touched before ``boot`` or ``begin``.

    ``begin``, ``write`` and ``finish`` belong to one thread at a time; the others may be called by any.

    Args:
        folder: Where the slots are; made when needed.
        probe: Raises TombolaError if a bundle does not play on this device.
        factory: Bundle that plays when there is no other.
        files: The file system.
    """

    def __init__(
        self, folder: Path, probe: Callable[[Bundle], None], factory: Path | None = None, files: Files | None = None
    ) -> None:
        self._folder = folder
        self._probe = probe
        self._factory = factory
        self._files: Files = files or DiskFiles()
        self._lock = threading.Lock()
        self._incoming: _Incoming | None = None
        self.slots = self._read_slots() or Slots()
        """As they stand."""

    def path_of(self, sha256: str | None) -> Path | None:
        """File of a slot; for None the factory's, if there is one."""
        return self._factory if sha256 is None else self._folder / f"{sha256}.tombola"

    def boot(self) -> Path:
        """Find the bundle to be played; one that was booted TRIAL_BOOTS times without being confirmed is given up.

        Raises:
            StoreError: There is none, or the folder cannot be read.
        """
        with self._lock, _sentences(self._folder):
            slots = self._count_boot(self._read_slots() or Slots())
            found = self._first_playable(slots)
            if found != slots.active:
                slots = Slots(found, None, confirmed=found in (None, slots.previous), rejected=slots.active)
                with contextlib.suppress(OSError):  # A card that cannot be written to must not stop the music.
                    self._write_slots(slots)
            self.slots = slots
            path = self.path_of(found)
            if path is None or not self._is_playable(path, found):
                raise StoreError(f"there is no playable bundle in {self._folder}; flash one")
            return path

    def begin(self, sha256: str, size_bytes: int, *, restart: bool = False) -> HeldPart:
        """Prepare for a bundle, keeping what is there of it unless ``restart``.

        Raises:
            DiskFull: It does not fit.
            StoreError: The slots cannot be written.
        """
        with _sentences(self._folder):
            self._files.make_folder(self._folder)
            self._remove_all_but({sha256})
            path, partial = (self._folder / f"{sha256}.{end}" for end in ("tombola", "partial"))
            if self._is_playable(path, sha256):
                self._files.remove(partial)
                self._incoming = _Incoming(sha256, size_bytes, size_bytes)
                return HeldPart(size_bytes, zlib.crc32(self._files.read(path)), self.slots.active == sha256)
            offset = self._files.size_bytes(partial) or 0
            if restart or offset > size_bytes:
                self._files.remove(partial)
                offset = 0
            free_bytes = self._files.free_bytes(self._folder) - RESERVE_BYTES
            if size_bytes > MAX_BUNDLE_BYTES or size_bytes - offset > free_bytes:
                raise DiskFull(
                    f"a bundle of {size_bytes} bytes does not fit into {self._folder}, which has {max(free_bytes, 0)} "
                    "bytes free; remove something there"
                )
            self._incoming = _Incoming(sha256, size_bytes, offset)
            return HeldPart(offset, zlib.crc32(self._files.read(partial)) if offset else 0, active=False)

    def write(self, data: bytes) -> None:
        """Add the next bytes of the bundle that was begun.

        Raises:
            DiskFull: The disk is full; what was stored before remains.
            StoreError: Nothing was begun, more comes than was announced, or the disk refuses.
        """
        incoming = self._incoming
        if incoming is None or incoming.offset + len(data) > incoming.size_bytes:
            raise StoreError(f"more bytes came for {self._folder} than were announced; flash again")
        with _sentences(self._folder):
            self._files.append(self._folder / f"{incoming.sha256}.partial", data)
        self._incoming = _Incoming(incoming.sha256, incoming.size_bytes, incoming.offset + len(data))

    def finish(self) -> Path:
        """Verify and probe what came and make it the active bundle, on trial. Takes seconds: not for a busy loop.

        Raises:
            WrongHash: It is not what was announced; it is thrown away.
            BadBundle: It is damaged or unknown (ProbeFailed: it does not play); it is thrown away.
            Refused: It needs more than this board can do; it is thrown away.
            StoreError: The slots cannot be written; what came remains.
        """
        incoming = self._incoming
        if incoming is None:
            raise StoreError(f"nothing was begun in {self._folder}; flash again")
        whole, partial = (self._folder / f"{incoming.sha256}.{end}" for end in ("tombola", "partial"))
        with _sentences(self._folder):
            came = partial if self._files.size_bytes(whole) is None or self._files.size_bytes(partial) else whole
            self._files.sync(came)
            try:
                self._verify(self._files.read(came), incoming.sha256)
            except (WrongHash, BadBundle, Refused):
                if came == partial:
                    self._files.remove(partial)
                raise
            if came == partial:
                self._files.rename(partial, whole)
                self._files.sync_folder(self._folder)
            with self._lock:
                self._make_active(incoming.sha256)
            with contextlib.suppress(OSError):  # It is installed; the next one tidies up.
                self._remove_all_but(set())
        self._incoming = None
        return whole

    def confirm(self, sha256: str | None = None) -> None:
        """The active bundle has really played. With ``sha256``: only if it still is that one.

        Raises:
            StoreError: The slots cannot be written.
        """
        with self._lock, _sentences(self._folder):
            if not self.slots.confirmed and sha256 in (None, self.slots.active):
                self._write_slots(msgspec.structs.replace(self.slots, confirmed=True, boots=0))

    def revert(self) -> Path:
        """Give up the active bundle for the previous one.

        Raises:
            StoreError: There is none, or the slots cannot be written.
        """
        with self._lock, _sentences(self._folder):
            path = self.path_of(self.slots.previous)
            if self.slots.active is None or path is None or not self._is_playable(path, self.slots.previous):
                raise StoreError(f"there is no previous bundle in {self._folder} to go back to; flash another one")
            self._write_slots(Slots(self.slots.previous, rejected=self.slots.active))
            return path

    def free_bytes(self) -> int:
        """Room for incoming bundles.

        Raises:
            StoreError: The folder cannot be read.
        """
        with _sentences(self._folder):
            return max(self._files.free_bytes(self._folder) - RESERVE_BYTES, 0)

    def _verify(self, data: bytes, sha256: str) -> None:
        if bundle_sha256(data) != sha256:
            raise WrongHash(f"the bundle that came into {self._folder} is not the one announced; flash again")
        bundle = decode_bundle(data)
        try:
            self._probe(bundle)
        except Refused:
            raise
        except TombolaError as error:
            raise ProbeFailed(f"the bundle {bundle.manifest.name!r} does not play here: {error}") from error

    def _make_active(self, sha256: str) -> None:
        old = self.slots
        if old.active == sha256:
            return
        good = old.active if old.confirmed else old.previous
        previous = good if good != sha256 else None
        self._write_slots(Slots(sha256, previous, confirmed=sha256 == old.previous))

    def _count_boot(self, slots: Slots) -> Slots:
        """Note that the bundle on trial is booted once more; if that cannot be noted, it counts as once too often."""
        if slots.confirmed:
            return slots
        counted = msgspec.structs.replace(slots, boots=slots.boots + 1)
        if counted.boots <= TRIAL_BOOTS:
            try:
                self._write_slots(counted)
            except OSError:
                return msgspec.structs.replace(slots, boots=TRIAL_BOOTS + 1)
        return counted

    def _first_playable(self, slots: Slots) -> str | None:
        """What a boot should play; None: the factory's, or nothing."""
        names = self._files.names(self._folder)
        others = [name.removesuffix(".tombola") for name in names if name.endswith(".tombola")]
        order: list[str | None] = [slots.previous, slots.active]
        if slots.active is None:  # If slots.json is damaged, any bundle that was verified beats the factory's.
            order = [*others] if self._read_slots() is None else []
        elif slots.confirmed or slots.boots <= TRIAL_BOOTS:
            order.reverse()
        for sha256 in [*order, None, *others]:
            path = self.path_of(sha256)
            if path is not None and self._is_playable(path, sha256):
                return sha256
        return None

    def _is_playable(self, path: Path, sha256: str | None) -> bool:
        try:
            data = path.read_bytes() if sha256 is None else self._files.read(path)
            decode_bundle(data)
        except (OSError, BadBundle):
            return False
        return sha256 is None or hashlib.sha256(data).hexdigest() == sha256

    def _remove_all_but(self, kept: set[str]) -> None:
        if self._read_slots() is None:
            return  # Fresh or damaged: nobody knows what is needed.
        kept = kept | {sha256 for sha256 in (self.slots.active, self.slots.previous) if sha256}
        for name in self._files.names(self._folder):
            stem, _, end = name.partition(".")
            if end in ("tombola", "partial") and stem not in kept:
                self._files.remove(self._folder / name)

    def _read_slots(self) -> Slots | None:
        """None if there are none, or damaged ones."""
        return read_sealed(self._files, self._folder / POINTER_NAME, Slots)

    def _write_slots(self, slots: Slots) -> None:
        write_sealed(self._files, self._folder / POINTER_NAME, slots)
        self.slots = slots


@contextlib.contextmanager
def _sentences(folder: Path) -> Iterator[None]:
    """Turn what the operating system says into one sentence."""
    try:
        yield
    except TombolaError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"the disk with {folder} is full; remove something there, then flash again") from error
        raise StoreError(f"the slots in {folder} cannot be used: {error.strerror or error}; check the card") from error
