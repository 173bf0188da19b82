"""What a page is told and what it can do, without a browser; and the guarded server around it."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import threading

import pytest
from tombola_device.contract.errors import BadConfig, StoreError
from tombola_host.report.page import render_page
from tombola_host.report.session_page import session_page
from tombola_host.study.sessions import ballot as votes
from tombola_host.study.sessions.desk import Desk, Said, read_said
from tombola_host.study.sessions.results import as_csv, read_results
from tombola_host.study.sessions.serving import serve

PORT = 8671


def test_a_session_is_gone_through_trial_by_trial_with_undo(session):
    desk = Desk(session("pairs", stimuli=3))
    first = desk.state("anna")
    assert (first["done"], first["total"], first["trial"]["slots"]) == (0, 3, ["A", "B"])
    second = desk.vote(Said("anna", 0, "a", words="hollow"))
    assert (second["done"], second["trial"]["number"]) == (1, 1)
    assert second["minutes_left"] <= first["minutes_left"]
    again = desk.undo("anna")
    assert (again["done"], again["trial"]["number"], again["undo"]) == (0, 0, False)
    for trial in range(3):
        last = desk.vote(Said("anna", trial, "same"))
    assert "trial" not in last
    with pytest.raises(BadConfig, match="no trial 4"):
        desk.vote(Said("anna", 3, "a"))


def test_a_page_that_is_loaded_again_gets_the_same_trial_and_two_listeners_do_not_meet(session):
    made = session("pairs", stimuli=3)
    Desk(made).vote(Said("anna", 0, "a"))
    desk = Desk(made)
    assert desk.state("anna")["trial"]["number"] == 1
    assert desk.state("ben")["trial"]["number"] == 0
    assert {path.name for path in made.listeners.iterdir()} == {"anna.votes"}


def test_the_page_is_told_nothing_of_what_lies_behind_a_letter(session):
    desk = Desk(session("abx", stimuli=2))
    told = json.dumps(desk.state("anna"))
    assert "s1" not in told
    assert "sax" not in told
    assert desk.sound("anna", 0, "X") in (desk.sound("anna", 0, "A"), desk.sound("anna", 0, "B"))
    for number, letter in ((0, "C"), (99, "A"), (-1, "A"), (0, "../x")):
        with pytest.raises(BadConfig, match="no such sound"):
            desk.sound("anna", number, letter)


def test_a_vote_says_what_was_heard_so_that_it_can_be_heard_again(planned):
    session = planned(
        'name = "t"\nkind = "tune"\nbundle = "FACTORY"\nvotes = 3\n'
        'passage = [{name = "short", notes = [[0.0, 0.1, 64, 0.7]]}]\n'
    )
    desk = Desk(session)
    sounds = [desk.sound("anna", 0, letter) for letter in "ABCD"]
    assert sounds[0][:4] == b"fLaC"
    assert sounds[0] != sounds[1]
    desk.vote(Said("anna", 0, "b"))
    # Another desk, after a restart: the same question; and the vote alone brings the sound back.
    vote = Desk(session)._ballot("anna").votes[0]
    assert vote.heard["A"].bundle == session.sheet.bundle
    assert vote.heard["A"].passage.notes == [(0.0, 0.1, 64.0, 0.7)]
    assert Desk(session).sound("anna", 0, "A") == sounds[0]
    assert Desk(session).state("anna")["trial"]["number"] == 1


def test_what_follows_in_a_tuning_session_follows_from_the_votes(planned):
    session = planned(
        'name = "t"\nkind = "tune"\nbundle = "FACTORY"\nvotes = 5\n'
        'passage = [{name = "short", notes = [[0.0, 0.1, 64, 0.7]]}]\n'
    )
    desk = Desk(session)
    asked = []
    for answer in "ab":
        for trial in range(2):
            desk.vote(Said("anna", trial, answer))
        asked.append(desk._behind("anna", desk.state("anna")["trial"]["number"])["A"].setting)
        desk.undo("anna")
        desk.undo("anna")
    assert asked[0] != asked[1]


def test_a_full_disk_is_one_sentence_and_the_session_goes_on_afterwards(session, monkeypatch):
    desk = Desk(session("pairs", stimuli=3))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(votes.os, "fsync", full)
        with pytest.raises(StoreError, match="free some space and vote again"):
            desk.vote(Said("anna", 0, "a"))
        assert desk.state("anna")["trial"]["number"] == 0
    assert desk.vote(Said("anna", 0, "a"))["done"] == 1


@pytest.mark.parametrize("sent", [b"", b"[]", b'{"listener": 1}', b"\xff", b"[" * 9000, b'{"listener":"a","trial":-1}'])
def test_what_is_no_vote_is_refused(sent):
    with pytest.raises(BadConfig, match="load it again"):
        read_said(sent)


def test_results_say_who_was_preferred_by_whom_and_who_is_left_out(session):
    made = session("ratings", stimuli=2)
    desk = Desk(made)
    for listener, hidden in (("anna", 100.0), ("ben", 95.0), ("deaf", 40.0)):
        behind = desk._behind(listener, 0)
        score = {"s1": 60.0, "s2": 70.0, "reference": hidden, "anchor 3.5 kHz": 10.0, "anchor 7 kHz": 30.0}
        ratings = {letter: score[heard.name] for letter, heard in behind.items() if len(letter) == 1}
        desk.vote(Said(listener, 0, "", ratings, words="=cmd()"))
    results = read_results(made)
    assert [each.name for each in results.said if each.left_out] == ["deaf"]
    assert results.ratings()["reference"].value == 97.5
    assert results.ratings()["s2"].value == 70.0
    page = render_page(session_page(results))
    assert "left out" in page
    assert "<script>alert" not in page
    rows = as_csv(results).splitlines()
    assert len(rows) == 1 + 3 * 6
    assert "'=cmd()" in rows[1]


def test_votes_on_unknown_stimuli_are_left_out_with_a_sentence(session):
    made = session("pairs", stimuli=3)
    Desk(made).vote(Said("anna", 0, "a"))
    path = made.listeners / "anna.votes"
    other = made.folder / "session.json"
    other.write_text(other.read_text().replace('"sax"', '"flute"'))
    from tombola_host.study.sessions.session import open_session

    results = read_results(open_session(made.folder))
    assert results.votes == 0
    assert "1 votes of anna are on what this session does not have" in "".join(session_page(results).remarks)
    assert path.stat().st_size > 0


@pytest.fixture
def served(session):
    """A session on a port; gives its address's token."""
    addresses, loops = [], []
    stop, up = asyncio.Event(), threading.Event()

    def ready(address: str) -> None:
        addresses.append(address)
        loops.append(asyncio.get_running_loop())
        up.set()

    desk = Desk(session("pairs", stimuli=3))
    thread = threading.Thread(target=lambda: asyncio.run(serve(desk, PORT, ready, stop)))
    thread.start()
    assert up.wait(10)
    yield addresses[0].partition("#")[2]
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(10)


def _ask(path: str, body: object, **headers: str) -> tuple[int, dict[str, str], bytes]:
    link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    given = {"Host": f"127.0.0.1:{PORT}", "Origin": f"http://127.0.0.1:{PORT}", "Content-Type": "application/json"}
    link.request(
        "POST" if body is not None else "GET",
        path,
        json.dumps(body).encode() if body is not None else None,
        given | headers,
    )
    answer = link.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    link.close()
    return found


def test_the_server_serves_the_page_and_votes_only_to_who_has_the_token(served):
    status, headers, page = _ask("/", None)
    assert status == 200
    assert b"main.js" in page
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert _ask("/state", {"listener": "anna"})[0] == 401
    assert _ask("/login", {"token": "wrong"})[0] == 403
    status, headers, _ = _ask("/login", {"token": served})
    assert status == 204
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert _ask("/state", {"listener": "anna"}, Cookie=cookie, Origin="http://evil.example")[0] == 403
    assert _ask("/state", {"listener": "anna"}, Cookie=cookie, Host=f"evil.example:{PORT}")[0] == 421
    status, _, body = _ask("/state", {"listener": "anna"}, Cookie=cookie)
    assert (status, json.loads(body)["total"]) == (200, 3)
    status, headers, body = _ask("/sound", {"listener": "anna", "trial": 0, "letter": "A"}, Cookie=cookie)
    assert (status, headers["Content-Type"], body[:4]) == (200, "audio/flac", b"fLaC")
    assert _ask("/sound", {"listener": "anna", "trial": 0, "letter": "../A"}, Cookie=cookie)[0] == 400
    status, _, body = _ask("/state", {"listener": "../anna"}, Cookie=cookie)
    assert (status, json.loads(body)["error"][:28]) == (400, "the listener cannot be calle")
    assert _ask("/vote", {"listener": "anna", "trial": 0, "answer": "a"}, Cookie=cookie)[0] == 200
    assert _ask("/vote", {"listener": "anna", "trial": 0, "answer": "z"}, Cookie=cookie)[0] == 400
    assert _ask("/vote", {"words": "x" * 20_000}, Cookie=cookie)[0] == 413
