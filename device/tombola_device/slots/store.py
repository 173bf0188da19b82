"""The bundles on the device: the active one, the previous one and an incoming one.

    <sha256>.partial    an incoming bundle: the bytes that have arrived
    <sha256>.tombola    a complete bundle, verified and probed
    slots.json          which bundle is active, which is previous, and whether the active one has played

A file named in ``slots.json`` is never written again, and one rename replaces ``slots.json``. So the disk names a
playable bundle at every moment:

    append… ► sync ► SHA-256, decode, probe ► rename to .tombola ► sync folder
            ► write slots.json.new ► sync ► rename over slots.json ► sync folder ► remove other bundles

A new bundle is on trial until ``confirm``. A power cut may end the trial early, so the next boot plays the bundle
again; before that it counts the boot durably, and ``started`` ends the count. After TRIAL_BOOTS boots that did not get
that far the store returns to the previous bundle. Faults of a confirmed bundle are counted durably too, and lead back
as well (``fault``). If no bundle is active, the factory bundle plays; it cannot be lost.
"""

from __future__ import annotations

import contextlib
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tombola_device.contract.bundle import MAX_BUNDLE_BYTES, Bundle, bundle_sha256, decode_bundle
from tombola_device.contract.errors import BadBundle, StoreError, TombolaError
from tombola_device.contract.refusals import Refused
from tombola_device.disk.files import DiskFiles, Files
from tombola_device.disk.sealed import SealedFile
from tombola_device.slots.errors import DiskFull, ProbeFailed, WrongHash, sentences
from tombola_device.slots.pointer import POINTER_NAME, Slots
from tombola_device.slots.shelf import HeldPart, Shelf

RESERVE_BYTES: Final = 1 << 20
"""Kept free for slots.json and the logs of the system."""
TRIAL_BOOTS: Final = 2
"""One for an accidental power cut, one for an impatient player."""
MOST_FAULTS: Final = 3
"""Once or twice the end of the audio process may be an accident of the machine."""


@dataclass(frozen=True, slots=True)
class _Incoming:
    sha256: str
    size_bytes: int
    offset: int


class Store:
    """The slots in one folder. The constructor changes no file.

    Only one thread at a time may call ``begin``, ``write`` and ``finish``. Any thread may call the other methods.

    Args:
        folder: Folder of the slots; made when needed.
        probe: Raises TombolaError if a bundle does not play on this device; StoreError: nothing was found out.
        factory: Bundle that plays if no other is active.
        files: The file system.

    >>> from tombola_device.disk.fake import FakeFiles
    >>> store = Store(Path("/slots"), probe=lambda bundle: None, files=FakeFiles())
    >>> store.begin("00" * 32, size_bytes=3)
    HeldPart(offset=0, crc32=0, active=False)
    >>> store.write(b"abc")
    >>> store.finish()
    Traceback (most recent call last):
    tombola_device.slots.errors.WrongHash: the bundle in /slots differs from the announced one; flash again
    """

    def __init__(
        self, folder: Path, probe: Callable[[Bundle], None], factory: Path | None = None, files: Files | None = None
    ) -> None:
        self._folder, self._probe = folder, probe
        self._files: Files = files or DiskFiles()
        self._shelf = Shelf(folder, factory, self._files)
        self._pointer = SealedFile(self._files, folder / POINTER_NAME, Slots)
        self._lock = threading.Lock()
        self._incoming: _Incoming | None = None
        self.slots = self._pointer.read() or Slots()
        """The current slots."""

    def path_of(self, sha256: str | None) -> Path | None:
        """File of a bundle; for None the factory bundle, if it exists."""
        return self._shelf.path_of(sha256)

    def boot(self) -> Path:
        """Choose the bundle to play. After TRIAL_BOOTS boots without ``confirm`` it is the previous one.

        Raises:
            StoreError: No bundle is playable, or the folder cannot be read.
        """
        with self._lock, sentences(self._folder):
            slots = self._count_boot(self._stored() or Slots())
            found = self._first_playable(slots)
            if found != slots.active:
                slots = Slots(found, None, confirmed=found in (None, slots.previous), rejected=slots.active)
                if not self._pointer.unread:  # What is stored holds as soon as it can be read.
                    with contextlib.suppress(OSError):  # A read-only card must not stop the music.
                        self._write_slots(slots)
            self.slots = slots
            path = self.path_of(found)
            # Any other was read just now; if it cannot be read a moment later, the audio process says so.
            if path is None or (found is None and not self._shelf.is_playable(None)):
                raise StoreError(f"{self._folder} holds no playable bundle; flash one")
            return path

    def begin(self, sha256: str, size_bytes: int, *, restart: bool = False) -> HeldPart:
        """Prepare for a bundle. Bytes of it that are already stored are kept unless ``restart``.

        Raises:
            DiskFull: The bundle does not fit.
            StoreError: The slots cannot be written.
        """
        with sentences(self._folder):
            self._files.make_folder(self._folder)
            self._remove_all_but(sha256)
            whole, partial = self._folder / f"{sha256}.tombola", self._shelf.part_of(sha256)
            if self._shelf.is_playable(sha256):
                self._files.remove(partial)
                self._incoming = _Incoming(sha256, size_bytes, size_bytes)
                return HeldPart(size_bytes, zlib.crc32(self._files.read(whole)), self.slots.active == sha256)
            offset = self._files.size_bytes(partial) or 0
            if restart or offset > size_bytes:
                self._files.remove(partial)
                offset = 0
            free_bytes = self._files.free_bytes(self._folder) - RESERVE_BYTES
            if size_bytes > MAX_BUNDLE_BYTES or size_bytes - offset > free_bytes:
                raise DiskFull(
                    f"a bundle of {size_bytes} bytes does not fit into {self._folder}, which has {max(free_bytes, 0)} "
                    "bytes free; remove files there"
                )
            self._incoming = _Incoming(sha256, size_bytes, offset)
            return HeldPart(offset, zlib.crc32(self._files.read(partial)) if offset else 0, active=False)

    def write(self, data: bytes) -> None:
        """Store the next bytes of the incoming bundle.

        Raises:
            DiskFull: The disk is full; the bytes before remain.
            StoreError: ``begin`` was not called, more bytes arrive than announced, or the disk cannot be written.
        """
        incoming = self._incoming
        if incoming is None or incoming.offset + len(data) > incoming.size_bytes:
            raise StoreError(f"more bytes than announced arrived for {self._folder}; flash again")
        with sentences(self._folder):
            self._files.append(self._shelf.part_of(incoming.sha256), data)
        self._incoming = _Incoming(incoming.sha256, incoming.size_bytes, incoming.offset + len(data))

    def finish(self) -> Path:
        """Verify and probe the incoming bundle and make it active, on trial. Takes seconds: not for a control loop.

        Raises:
            WrongHash: The bytes do not have the announced hash; they are discarded.
            BadBundle: The bundle is damaged or unknown (ProbeFailed: it does not play); it is discarded.
            Refused: The board is too slow for the bundle; it is discarded.
            StoreError: The slots cannot be written, or the probe was stopped; the incoming bytes remain.
        """
        incoming = self._incoming
        if incoming is None:
            raise StoreError(f"no bundle was announced for {self._folder}; flash again")
        whole, partial = self._folder / f"{incoming.sha256}.tombola", self._shelf.part_of(incoming.sha256)
        with sentences(self._folder):
            arrived = partial if self._files.size_bytes(whole) is None or self._files.size_bytes(partial) else whole
            self._files.sync(arrived)
            try:
                self._verify(self._files.read(arrived), incoming.sha256)
            except (WrongHash, BadBundle, Refused):
                if arrived == partial:
                    self._files.remove(partial)
                raise
            if arrived == partial:
                self._files.rename(partial, whole)
                self._files.sync_folder(self._folder)
            with self._lock:
                self._make_active(incoming.sha256)
            with contextlib.suppress(OSError):  # The bundle is installed; the next flash removes old files.
                self._remove_all_but(None)
        self._incoming = None
        return whole

    def confirm(self, sha256: str | None = None) -> None:
        """End the trial of the active bundle: it has played. With ``sha256``: only if that bundle is still active.

        Raises:
            StoreError: The slots cannot be written.
        """
        with self._lock, sentences(self._folder):
            if not self.slots.confirmed and sha256 in (None, self.slots.active):
                self._write_slots(msgspec.structs.replace(self.slots, confirmed=True, boots=0))

    def started(self, sha256: str) -> None:
        """End the count of boots of the active bundle: it plays. Its trial goes on until it has sounded.

        Raises:
            StoreError: The slots cannot be written.
        """
        with self._lock, sentences(self._folder):
            if self.slots.boots and sha256 == self.slots.active:
                self._write_slots(msgspec.structs.replace(self.slots, boots=0))

    def revert(self) -> Path:
        """Return to the previous bundle.

        Raises:
            StoreError: No previous bundle is playable, or the slots cannot be written.
        """
        with self._lock, sentences(self._folder):
            active, previous = self.slots.active, self.slots.previous
            path = self.path_of(previous)
            if active == previous or path is None or not self._shelf.is_playable(previous):
                raise StoreError(f"{self._folder} holds no previous bundle to return to; flash another one")
            self._write_slots(Slots(previous, rejected=active))
            return path

    def fault(self, sha256: str, *, certain: bool) -> Path | None:
        """Count a fault of a confirmed bundle, and return to the one before if it had too many.

        A disk that cannot be written changes only that the next boot does not know of it.

        Args:
            sha256: The bundle that failed. If it is not active, not confirmed or the factory bundle, nothing happens.
            certain: Whether only the bundle can be the cause, as when it was muted: then one fault is enough. Else,
                as when the audio process ended, MOST_FAULTS are.

        Returns:
            The bundle to play instead; None: none.
        """
        with self._lock:
            slots, instead = self.slots, None
            if slots.active is None or slots.active != sha256 or not slots.confirmed:
                return None
            counted = msgspec.structs.replace(slots, faults=slots.faults + 1)
            if certain or counted.faults >= MOST_FAULTS:
                for before in (slots.previous, None):
                    path = self.path_of(before)
                    if path is not None and self._shelf.is_playable(before):
                        counted, instead = Slots(before, rejected=slots.active), path
                        break
            with contextlib.suppress(OSError):
                self._write_slots(counted)
            self.slots = counted
            return instead

    def played_long(self, sha256: str) -> None:
        """Forget the faults of a bundle that has played for long since.

        Raises:
            StoreError: The slots cannot be written.
        """
        with self._lock, sentences(self._folder):
            if self.slots.faults and self.slots.active == sha256:
                self._write_slots(msgspec.structs.replace(self.slots, faults=0))

    def play_factory(self) -> None:
        """Let the factory bundle play from the next boot on; the active bundle becomes the previous one.

        Raises:
            StoreError: The slots cannot be written.
        """
        with self._lock, sentences(self._folder):
            if self.slots.active is not None:
                previous = self.slots.active if self.slots.confirmed else self.slots.previous
                self._write_slots(Slots(None, previous))

    def free_bytes(self) -> int:
        """Free bytes for incoming bundles.

        Raises:
            StoreError: The folder cannot be read.
        """
        with sentences(self._folder):
            return max(self._files.free_bytes(self._folder) - RESERVE_BYTES, 0)

    def _verify(self, data: bytes, sha256: str) -> None:
        if bundle_sha256(data) != sha256:
            raise WrongHash(f"the bundle in {self._folder} differs from the announced one; flash again")
        bundle = decode_bundle(data)
        try:
            self._probe(bundle)
        except (Refused, StoreError):
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
        """Count a boot of the bundle on trial. If the count cannot be stored, the trial ends."""
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
        """The bundle that a boot should play; None: the factory bundle, or none at all."""
        others = self._shelf.bundles()
        order: list[str | None] = [slots.previous, slots.active]
        if slots.active is None:  # If slots.json is damaged, any verified bundle is better than the factory bundle.
            order = [*others] if self._stored() is None else []
        elif slots.confirmed or slots.boots <= TRIAL_BOOTS:
            order.reverse()
        for sha256 in [*order, None, *others]:
            if self._shelf.is_playable(sha256):
                return sha256
        return None

    def _remove_all_but(self, sha256: str | None) -> None:
        """Remove all bundles but this one, the active and the previous one; of this one also what has arrived stays."""
        # Without knowing what slots.json says, every whole bundle may still be needed, but no part of one.
        known = self._stored() is not None
        self._shelf.keep_only({sha256, self.slots.active, self.slots.previous} if known else None, part=sha256)

    def _stored(self) -> Slots | None:
        """What ``slots.json`` says; None if it is missing or unread. What can be read again holds again."""
        was_unread = self._pointer.unread
        found = self._pointer.read()
        if was_unread and found is not None:
            self.slots = found
        return found

    def _write_slots(self, slots: Slots) -> None:
        try:
            self._pointer.write(slots)
        except OSError:
            self.slots = self._pointer.read() or self.slots  # It may have failed after the file was replaced.
            raise
        self.slots = slots
