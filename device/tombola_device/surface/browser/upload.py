"""Flashes a bundle that was dropped on the page, by the protocol of the serial line and its rules."""

from __future__ import annotations

import secrets
import socket
import time
from typing import Final

from tombola_device.contract.errors import FlashError
from tombola_device.contract.sender import Sender, SenderPhase

POLL_S: Final = 0.005
READ_BYTES: Final = 65_536


def flash(line: socket.socket, data: bytes, signed: bytes = b"") -> str:
    """Send a bundle; return one sentence when the instrument has installed it. Takes seconds.

    Args:
        line: Leads to the instrument.
        data: The bundle.
        signed: Key and signature of an owner, 96 bytes; empty: not signed.

    Raises:
        Refused: The instrument refuses it.
        FlashError: The line does not carry it.
    """
    sender = Sender(data, secrets.randbits(32), signed=signed)
    line.settimeout(POLL_S)
    while sender.phase is not SenderPhase.DONE:
        try:
            if output := sender.poll(time.monotonic()):
                line.settimeout(5.0)
                line.sendall(output)
                line.settimeout(POLL_S)
            received = line.recv(READ_BYTES)
        except TimeoutError:
            continue
        except OSError as error:
            raise FlashError("the instrument has ended in the middle of it; drop the bundle again") from error
        if not received:
            raise FlashError("the instrument has ended in the middle of it; drop the bundle again")
        sender.receive(received, time.monotonic())
    return "it plays already" if sender.already_active else "installed; it takes over now"
