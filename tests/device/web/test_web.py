"""The server as our own page uses it, the keys that outlive it, and the port."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
from tombola_device.contract.errors import BadConfig
from tombola_device.web.files import read_files
from tombola_device.web.keys import MOST_SESSIONS, Keys, new_keys
from tombola_device.web.ports import NEXT_PORTS, PortTaken, listen, owner_of


def test_page_is_served_by_name_and_not_sent_again_to_who_has_it(served):
    first = served.client.get("/")
    assert (first.status, first.headers["content-type"]) == (200, "text/html; charset=utf-8")
    again = served.client.get("/index.html", {"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert served.client.post("/", b"").status == 405


def test_address_is_host_port_and_token_behind_the_hash(served):
    assert served.server.address == f"http://127.0.0.1:{served.port}/#right"


def test_what_is_asked_in_the_wrong_way_is_one_sentence(served):
    client = served.login()
    for reply in (client.get("/store"), client.post("/state"), client.get("/echo"), client.get("/nowhere")):
        assert reply.status in (400, 403, 404, 405)
        assert list(reply.json) == ["error"]
        assert reply.headers["content-type"] == "application/json"


def test_only_files_of_known_kinds_are_read_and_sub_folders_keep_their_names(tmp_path):
    (tmp_path / "parts").mkdir()
    for name in ("index.html", "parts/knob.js", "notes.md", "keys.py"):
        (tmp_path / name).write_text(name)
    assert sorted(read_files(tmp_path)) == ["/", "/index.html", "/parts/knob.js"]


def test_the_seventeenth_login_ends_the_first_and_a_restart_none():
    kept = []
    keys = Keys(new_keys(), kept.append)
    cookies = [keys.login(keys.token) for _ in range(MOST_SESSIONS + 1)]
    assert [keys.knows(cookie) for cookie in cookies] == [False] + [True] * MOST_SESSIONS
    again = Keys(kept[-1], kept.append)
    assert [again.knows(cookie) for cookie in cookies] == [False] + [True] * MOST_SESSIONS
    assert not any(cookie in str(kept[-1]) for cookie in cookies)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who listens")
def test_port_in_use_says_who_has_it_and_offers_the_next_that_is_free():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        whom = f"{Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})"
        assert owner_of(port) == whom
        with pytest.raises(PortTaken) as taken:
            listen(port)
        free = taken.value.free
        assert str(taken.value) == f"port {port} is used by {whom}; end it, or take --port {free}"
        assert port < free < port + NEXT_PORTS
        with listen(free) as listener:
            assert listener.getsockname() == ("127.0.0.1", free)


@pytest.mark.parametrize("port", [-1, 0, 65_536])
def test_what_is_no_port_is_one_sentence(port):
    with pytest.raises(BadConfig, match=f"{port} is no port; give one from 1024 to 65535"):
        listen(port)
