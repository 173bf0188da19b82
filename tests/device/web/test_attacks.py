"""What an attacker can try on the server: from another page, from another program, and by sending nonsense."""

from __future__ import annotations

import contextlib
import random
import socket
import time

import pytest
from tombola_device.web import server as server_module
from tombola_device.web.client import CLOSE, frame, read_reply

# From another page


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "",
        "localhost",
    ],
)
def test_a_name_that_was_bound_to_this_address_is_not_served_even_with_the_cookie(served, host):
    client = served.login()
    host = host.format(port=served.port)
    own = {"Host": host, "Origin": f"http://{host}"}
    for reply in (client.get("/", own), client.get("/state", own), client.post("/store", b"x", own)):
        assert (reply.status, "127.0.0.1:" in reply.json["error"]) == (421, True)
    with pytest.raises(ConnectionRefusedError) as refused:
        client.socket("/echo", own)
    assert refused.value.args[0].status == 421
    assert served.taken == []


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://localhost:{port}"],
)
def test_a_page_of_another_origin_is_refused_although_its_browser_sends_the_cookie(served, origin):
    client = served.login()
    foreign = {"Origin": origin.format(port=served.port)}
    assert client.post("/store", b"x", foreign).status == 403
    assert client.post("/logout", b"", foreign).status == 403
    with pytest.raises(ConnectionRefusedError) as refused:
        client.socket("/echo", foreign)
    assert refused.value.args[0].status == 403
    assert served.taken == []
    assert client.get("/state").status == 200  # The logout has not happened.


def test_a_page_on_another_port_of_this_computer_can_have_nothing_fetched(served):
    for site in ("same-site", "cross-site"):
        assert served.login().get("/state", {"Sec-Fetch-Site": site}).status == 403


def test_both_names_of_this_computer_are_served_each_to_its_own_page(served):
    client = served.visit("localhost")
    assert client.login("right").status == 204
    assert client.post("/store", b"x").status == 200


def test_every_answer_forbids_what_a_page_of_ours_does_not_need(served):
    client = served.login()
    for reply in (client.get("/"), client.get("/state"), client.get("/nowhere"), served.client.get("/state")):
        policy = reply.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert not [name for name in reply.headers if name.startswith("access-control-")]


# From another program


def test_without_a_token_nothing_but_the_page_is_given(served):
    assert served.client.get("/").status == 200
    assert served.client.get("/state").status == 401
    assert served.client.post("/store", b"x").status == 401
    for path in ("/echo", "/flood"):
        with pytest.raises(ConnectionRefusedError) as refused:
            served.client.socket(path)
        assert refused.value.args[0].status == 401
    for body in (
        b'{"token": "wrong"}',
        b'{"token": ""}',
        b'{"token": null}',
        b"{}",
        b"[]",
        b"\xff",
        b'{"token": "\xc3\xa9"}',
    ):
        reply = served.client.post("/login", body, {"Content-Type": "application/json"})
        assert (reply.status, reply.headers.get("set-cookie")) == (403, None)


def test_a_form_of_another_page_cannot_log_in(served):
    assert served.client.post("/login", b'{"token": "right"}', {"Content-Type": "text/plain"}).status == 415


def test_tokens_cannot_be_tried_in_series(served):
    codes = [served.client.login(str(attempt)).status for attempt in range(15)]
    assert codes[:10] == [403] * 10
    assert codes[-1] == 429
    assert len(served.kept) == 0


def test_a_flood_of_wrong_tokens_keeps_the_owner_out_at_no_time_and_leaves_no_debt(served):
    guesser = served.visit()
    codes = [guesser.login(str(attempt)).status for attempt in range(200)]
    assert codes.count(429) > 150
    owner = served.login()
    assert owner.get("/state").status == 200
    assert guesser.login("wrong").status == 429
    # A second later somebody who has mistyped is told so again; with a debt of 190 it would take three minutes.
    served.server._guesses._clock = lambda: time.monotonic() + 1.5
    assert guesser.login("wrong").status == 403


def test_cookie_cannot_be_read_by_scripts_nor_sent_from_elsewhere(served):
    kept = served.client.login("right").headers["set-cookie"]
    assert kept.startswith(f"tombola-{served.port}=")
    assert "HttpOnly" in kept
    assert "SameSite=Strict" in kept
    assert "Domain" not in kept


def test_after_a_logout_neither_a_stolen_cookie_nor_a_stolen_token_is_worth_anything(served):
    owner, thief = served.login(), served.visit()
    thief.cookie = owner.cookie
    listening = thief.socket("/echo")
    assert thief.get("/state").status == 200
    assert owner.post("/logout").status == 204
    assert thief.get("/state").status == 401
    assert thief.login("right").status == 403
    with pytest.raises(ConnectionError):
        listening.receive()
    with pytest.raises(ConnectionRefusedError):
        thief.socket("/echo")
    assert served.kept[-1].sessions == ()
    assert served.kept[-1].token not in ("", "right")


PATHS = [
    "/../secret.txt",
    "/static/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "//secret.txt",
    "/./../secret.txt",
    "/index.html/../../secret.txt",
    "/..\\secret.txt",
    "/secret.txt",
    "/secret.txt%00.html",
    "file:///secret.txt",
    "/etc/passwd",
    "/index.html\x00",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_the_pages_folder(served, path):
    client = served.login()
    with client.connect() as line:
        line.sendall(client.head("GET", path, {}))
        reply = read_reply(line)
    assert reply.status == 404
    assert b"SECRET" not in reply.body


def test_a_fault_of_a_handler_shows_nothing_of_its_insides(served):
    reply = served.login().post("/broken", b"x")
    assert reply.status == 500
    assert reply.json == {"error": "the instrument could not do this; its log says why"}


# Too much, too slowly, and nonsense


def test_sizes_are_judged_before_a_body_is_read(served):
    client = served.login()
    for size in ("1001", "64000000", "-1", "1" * 30):
        with client.connect() as line:
            line.sendall(client.head("POST", "/store", {"Content-Length": size, "Origin": f"http://{client.host}"}))
            assert read_reply(line).status == (400 if size == "-1" else 413)
    assert served.taken == []
    assert client.post("/store", b"x" * 1000).status == 200


def test_who_is_refused_while_sending_reads_the_refusal_whole(served):
    """Linux sends a reset when it closes on bytes that nobody has read, and the client then loses the answer."""
    for _ in range(10):
        with served.client.connect() as line:
            line.sendall(served.client.head("POST", "/store", {"Content-Length": "900000"}) + b"x" * 900_000)
            assert read_reply(line).status == 401
            assert line.recv(100) == b""


def test_bodies_that_arrive_together_have_one_limit(served, monkeypatch):
    monkeypatch.setattr(server_module, "MOST_ARRIVING_BYTES", 1500)
    client = served.login()
    with client.connect() as line:
        line.sendall(client.head("POST", "/store", {"Content-Length": "1000", "Origin": f"http://{client.host}"}))
        until_s = time.monotonic() + 10
        while (reply := client.post("/store", b"x" * 900)).status == 200 and time.monotonic() < until_s:
            time.sleep(0.01)
        assert (reply.status, client.post("/store", b"x" * 400).status) == (503, 200)
    until_s = time.monotonic() + 10
    while client.post("/store", b"x" * 900).status == 503:
        assert time.monotonic() < until_s


def test_a_head_without_end_is_cut_off(served):
    with served.client.connect() as line:
        line.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            _send_fillers(line)
    assert served.client.get("/").status == 200


def test_who_sends_a_head_letter_by_letter_is_hung_up_on(served, monkeypatch):
    monkeypatch.setattr(server_module, "HEAD_S", 0.2)
    with served.client.connect() as line:
        line.sendall(b"GET / HT")
        assert read_reply(line).status == 408


def test_a_body_that_breaks_off_reaches_no_handler(served):
    client = served.login()
    with client.connect() as line:
        line.sendall(
            client.head("POST", "/store", {"Content-Length": "900", "Origin": f"http://{client.host}"}) + b"x" * 400
        )
        line.shutdown(socket.SHUT_WR)
        assert line.recv(100) == b""
    assert served.taken == []


def test_too_many_connections_are_turned_away_and_those_that_go_free_their_places(served):
    lines = [served.client.connect() for _ in range(server_module.MOST_CONNECTIONS)]
    time.sleep(0.1)
    with pytest.raises(ConnectionError):
        served.client.get("/")
    for line in lines:
        line.close()
    until_s = time.monotonic() + 10
    while time.monotonic() < until_s:
        try:
            assert served.client.get("/").status == 200
            break
        except ConnectionError:
            time.sleep(0.01)
    else:
        pytest.fail("no place became free")


def test_a_client_that_does_not_read_is_hung_up_on_and_the_others_are_served_meanwhile(make_served):
    served = make_served(slow_s=0.5)
    client = served.login()
    slow = client.socket("/flood")
    for _ in range(20):
        assert client.get("/state").status == 200
    assert served.flooded.wait(10)
    slow.close()


def test_a_message_that_is_too_long_or_damaged_closes_its_socket_and_no_other(served):
    client = served.login()
    good = client.socket("/echo")
    for data in (
        frame(b"x" * 4097),
        b"\xff" * 20,
        b"\x01\x80\x00\x00\x00\x00",  # Not the end of a message: continuations are not spoken.
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
        frame(b"\xff\xfe", 1),
        frame(b"", CLOSE),
    ):
        bad = client.socket("/echo")
        bad.line.sendall(data)
        with pytest.raises(ConnectionError):
            bad.receive()
        good.send("still here")
        assert good.receive() == "still here"


def test_ten_thousand_malformed_and_oversized_messages_leave_the_server_as_it_was(served):
    rng, client = random.Random(14), served.login()
    sent, too_long = 0, frame(rng.randbytes(5000))
    for _ in range(1000):  # Requests.
        with client.connect() as line:
            line.sendall(_nonsense(rng, client) + b"\r\n\r\n")
            sent += 1
    while sent < 10_000:  # Frames, until the server hangs up.
        try:
            bad = client.socket("/echo")
        except ConnectionResetError:  # There are 64 already, whose end the server has not seen yet.
            time.sleep(0.05)
            continue
        frames = [rng.randbytes(rng.randint(2, 40)) if rng.random() < 0.5 else too_long for _ in range(100)]
        with contextlib.suppress(ConnectionError):
            bad.line.sendall(b"".join(frames))
        sent += 100
        bad.close()
    time.sleep(1.0)
    assert client.get("/state").json == {"state": 1}
    good = client.socket("/echo")
    good.send("hello")
    assert good.receive() == "hello"
    assert served.taken == []


def _send_fillers(line):
    for _ in range(200_000):
        line.sendall(b"X-Filler: " + b"a" * 100 + b"\r\n")


def _nonsense(rng, client):
    words = [
        b"GET",
        b"POST",
        b"/",
        b"/state",
        b"/echo",
        b"HTTP/1.1",
        b"\r\n",
        b"Host: ",
        client.host.encode(),
        b":",
        b" ",
    ]
    words += [b"Content-Length: 99999999999", b"Upgrade: websocket", b"\x00", b"\xff\xfe", b"Cookie: ;=;;", b"a" * 3000]
    return b"".join(rng.choice(words) if rng.random() < 0.8 else rng.randbytes(9) for _ in range(rng.randint(1, 25)))
