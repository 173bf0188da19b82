"""What systemd is told, over a real socket."""

from __future__ import annotations

import socket

import pytest
from tombola_device.daemon.systemd import Notifier


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path):
    name = str(tmp_path / "notify") if request.param == "file" else f"@tombola-test-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0" + name[1:] if name.startswith("@") else name)
        ear.settimeout(5)
        yield name, ear


def test_everything_is_told_in_systemds_words(manager):
    name, ear = manager
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "10000000"})
    assert notifier.watchdog_s == 5.0
    notifier.ready()
    notifier.status("playing quartet")
    notifier.alive()
    notifier.stopping()
    assert [ear.recv(100) for _ in range(4)] == [b"READY=1", b"STATUS=playing quartet", b"WATCHDOG=1", b"STOPPING=1"]
    notifier.close()
    notifier.ready()


def test_nobody_to_tell_is_no_error(tmp_path):
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "none"), "WATCHDOG_USEC": "x"}):
        notifier = Notifier(environment)
        notifier.ready()
        assert notifier.watchdog_s == 0
        notifier.close()
