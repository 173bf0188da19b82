"""Sends a bundle to a device over a serial port, even if it is unplugged; pairs with it; asks for its status."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tombola_device.contract import protocol as p
from tombola_device.contract.asking import Asker
from tombola_device.contract.bundle import MAX_BUNDLE_BYTES, bundle_sha256, decode_bundle
from tombola_device.contract.errors import BadConfig, FlashError
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.contract.sender import Sender, SenderPhase
from tombola_device.contract.signing import MAX_LABEL_BYTES

from tombola_host.link.keys import OwnerKey
from tombola_host.link.serial_line import BAUD, READ_TIMEOUT_S, HungUp, SerialLine, Trace
from tombola_host.progress import Step

UNPLUGGED_S: Final = 60.0
"""How long a device may be away: long enough to find the cable, or for a Raspberry Pi to boot."""
BARREN_PLUGGINGS: Final = 5
ALLOWED_AT_PANEL: Final = (ErrorCode.UNSIGNED, ErrorCode.UNKNOWN_KEY)
PAIRING_S: Final = 60.0
"""How long the player may take to open the window."""
PAIRING_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class FlashReport:
    """What a flash did.

    Args:
        sha256: Hash of the bundle; its name on the device.
        size_bytes: Length of the bundle.
        resumed_from: Bytes that the device held already.
        seconds: From opening the port until the device had installed it.
        payload_bytes_per_s: Bytes of the bundle per second of sending, pauses of an unplugged line included.
        already_active: The device was playing it already; nothing was sent.
        sessions: Number of sessions, including the first.
        resent_chunks: Number of chunks sent again.
        pluggings: How often the line was plugged in again.
    """

    sha256: str
    size_bytes: int
    resumed_from: int
    seconds: float
    payload_bytes_per_s: float
    already_active: bool
    sessions: int
    resent_chunks: int
    pluggings: int


def flash(
    bundle_path: Path,
    port: str,
    *,
    key: OwnerKey | None = None,
    baud: int = BAUD,
    progress: Step | None = None,
    trace: Trace | None = None,
    check: bool = True,
    unplugged_s: float = UNPLUGGED_S,
) -> FlashReport:
    """Send a bundle and wait until the device has installed it; resume after unplugging.

    Args:
        bundle_path: The file.
        port: The device's serial port; it may disappear and return under this name.
        key: Signs the bundle; without one it goes unsigned, which a paired device refuses.
        baud: Rate of a UART; USB ignores it.
        progress: Called with the bytes that the device holds, the bytes in all, and what is going on.
        trace: Given each frame in hexadecimal.
        check: Refuse a damaged bundle before sending.
        unplugged_s: How long the line may be away each time.

    Raises:
        BadBundle: The file is not a whole bundle.
        FlashError: It did not complete (Refused: the device said why); the device plays on what it played before.
    """
    data = _read_bundle(bundle_path, check=check)
    sender = Sender(data, secrets.randbits(32), seed=key.seed if key else None)
    line = SerialLine(port, baud, trace)
    watch = _Watch(progress, len(data))
    begun_s = time.monotonic()
    pluggings = barren = held = 0
    try:
        line.open()
        while sender.phase is not SenderPhase.DONE:
            try:
                line.exchange(sender.poll(time.monotonic()))
                sender.receive(line.received, time.monotonic())
                watch.see(sender)
            except HungUp:
                barren = barren + 1 if sender.held_bytes == held else 0
                held = sender.held_bytes
                if barren >= BARREN_PLUGGINGS:
                    raise FlashError(f"{port} hangs up again and again; check the cable, then flash again") from None
                watch.say(held, "unplugged: waiting for the device")
                line.reopen(unplugged_s, f"{held} of {len(data)} bytes are there; plug it in and flash again")
                sender.reconnect()
                pluggings += 1
    except Refused as refused:
        if refused.code in ALLOWED_AT_PANEL:
            raise Refused(refused.code, refused.value, bundle_sha256(data)) from refused
        raise
    finally:
        line.close()
    watch.say(len(data), "done")
    resumed_from = sender.resumed_from or 0
    return FlashReport(
        sha256=bundle_sha256(data),
        size_bytes=len(data),
        resumed_from=resumed_from,
        seconds=time.monotonic() - begun_s,
        payload_bytes_per_s=watch.rate(len(data) - resumed_from),
        already_active=sender.already_active,
        sessions=sender.sessions,
        resent_chunks=sender.resent_chunks,
        pluggings=pluggings,
    )


def device_info(port: str, *, baud: int = BAUD, trace: Trace | None = None) -> dict[str, object]:
    """Ask a device for its status: version, slots, free bytes, what is playing.

    Raises:
        FlashError: It does not answer.
    """
    answer = _ask(p.Ask(), port, baud=baud, trace=trace)
    if not isinstance(answer, p.Status):
        raise FlashError(f"the device at {port} did not answer with its status; update it")
    try:
        info = json.loads(answer.tail)
    except (ValueError, RecursionError) as error:
        raise FlashError(f"the device at {port} gave a status that is not JSON; update it") from error
    return info if isinstance(info, dict) else {}


def pair(
    port: str,
    key: OwnerKey,
    label: str,
    *,
    baud: int = BAUD,
    trace: Trace | None = None,
    say: Callable[[str], None] = lambda text: None,
    patience_s: float = PAIRING_S,
) -> int:
    """Make a device accept what this key signs, as soon as its player opens the pairing window.

    Args:
        port: The device's serial port.
        key: Your key.
        label: The key's name on the device, at most MAX_LABEL_BYTES in UTF-8.
        baud: Rate of a UART; USB ignores it.
        trace: Given each frame.
        say: Called with one line when the player must do something.
        patience_s: How long to wait for it, s.

    Returns:
        The number of owners that the device knows now.

    Raises:
        BadConfig: The label is too long.
        FlashError: Pairing did not complete (Refused: the device said why).
    """
    if len(label.encode()) > MAX_LABEL_BYTES:
        raise BadConfig(f"the label {label!r} is longer than {MAX_LABEL_BYTES} bytes; give a shorter one with --label")
    request = p.Pair(key.public + key.pairing_signature(label) + label.encode())
    end_s, told = time.monotonic() + patience_s, False
    while True:
        try:
            answer = _ask(request, port, baud=baud, trace=trace, least_version=p.SIGNED_VERSION)
        except Refused as refused:
            if refused.code != ErrorCode.NOT_PAIRING or time.monotonic() > end_s:
                raise
        else:
            if isinstance(answer, p.Paired):
                return answer.owners
            raise FlashError(f"the device at {port} did not answer the pairing; update it")
        if not told:
            say(
                "Hold SHIFT and SAVE on the instrument until it says so; "
                f"when it shows {key.fingerprint}, push its encoder."
            )
            told = True
        time.sleep(PAIRING_EVERY_S)


def _ask(
    request: p.Message, port: str, *, baud: int, trace: Trace | None, least_version: int = p.LOWEST_VERSION
) -> p.Message:
    """One question, one answer."""
    asker = Asker(secrets.randbits(32), request, least_version)
    line = SerialLine(port, baud, trace)
    try:
        line.open()
        while asker.answer is None:
            line.exchange(asker.poll(time.monotonic()))
            asker.receive(line.received)
    except HungUp:
        raise FlashError(f"{port} was unplugged; plug it in and ask again") from None
    finally:
        line.close()
    return asker.answer


def _read_bundle(path: Path, *, check: bool) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise FlashError(f"{path} cannot be read: {error.strerror}; give the path of a bundle") from error
    if check:
        decode_bundle(data)
    if not 0 < len(data) <= MAX_BUNDLE_BYTES:
        raise FlashError(f"{path} is empty or larger than {MAX_BUNDLE_BYTES} bytes; export the bundle again")
    return data


class _Watch:
    """Reports progress when it changes, and measures the rate."""

    def __init__(self, progress: Step | None, size_bytes: int) -> None:
        self._progress = progress
        self._size_bytes = size_bytes
        self._told: tuple[int, str] | None = None
        self._first_s: float | None = None
        self._last_s = 0.0

    def see(self, sender: Sender) -> None:
        if sender.phase is SenderPhase.SENDING:
            self._last_s = time.monotonic()
            self._first_s = self._first_s or self._last_s
        self.say(sender.held_bytes, sender.phase.value)

    def say(self, held_bytes: int, text: str) -> None:
        if self._progress and self._told != (held_bytes, text):
            self._progress(held_bytes, self._size_bytes, text)
        self._told = (held_bytes, text)

    def rate(self, payload_bytes: int) -> float:
        if self._first_s is None:
            return 0.0
        return payload_bytes / max(self._last_s - self._first_s, READ_TIMEOUT_S)
