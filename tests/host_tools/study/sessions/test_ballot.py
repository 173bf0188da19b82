"""What listeners said is never lost: two votes on one trial, full disks, torn lines, clocks that jump."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime

import pytest
from tombola_device.contract.errors import BadConfig, StoreError
from tombola_host.study.sessions import ballot as votes
from tombola_host.study.sessions.ballot import Ballot, Vote, ballot_of, check_vote
from tombola_host.study.sessions.passage import Passage
from tombola_host.study.sessions.session import Heard
from tombola_host.study.sessions.setting import Setting

PASSAGE = Passage("short", [(0.0, 0.2, 62.0, 0.7)])
HEARD = {letter: Heard(f"s-{letter}", "ab" * 32, Setting({"sax": 1.0}), PASSAGE) for letter in "AB"}


def _vote(trial: int, answer: str = "a", words: str = "") -> Vote:
    return Vote(trial, HEARD, answer, words=words)


def test_votes_are_read_again_as_they_were_cast(tmp_path):
    path = tmp_path / "anna.votes"
    ballot = Ballot(path)
    for trial in range(3):
        ballot.cast(_vote(trial, "ab"[trial % 2], "hell & söß 'quoted'"))
    assert (
        Ballot(path).votes
        == ballot.votes
        == {trial: _vote(trial, "ab"[trial % 2], "hell & söß 'quoted'") for trial in range(3)}
    )


def test_a_second_vote_replaces_the_first_and_both_are_kept(tmp_path):
    ballot = Ballot(tmp_path / "anna.votes")
    for answer in ("a", "same", "b"):
        ballot.cast(_vote(0, answer))
    again = Ballot(tmp_path / "anna.votes")
    assert again.votes[0].answer == "b"
    assert [vote.answer for vote in again.history(0)] == ["a", "same", "b"]


def test_a_vote_that_was_taken_back_does_not_hold_and_is_kept(tmp_path):
    ballot = Ballot(tmp_path / "anna.votes")
    ballot.cast(_vote(0))
    ballot.take_back(0)
    assert Ballot(tmp_path / "anna.votes").votes == {}
    assert len(Ballot(tmp_path / "anna.votes").history(0)) == 1


@pytest.mark.parametrize("taken", [0, 1, 7, 60])
def test_a_full_disk_loses_nothing_and_says_one_sentence(tmp_path, monkeypatch, taken):
    path = tmp_path / "anna.votes"
    ballot = Ballot(path)
    ballot.cast(_vote(0))
    before = path.read_bytes()
    write = os.write
    left = [taken]

    def full(handle: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(handle, bytes(data)[: left[0]])
        left[0] -= done
        return done

    with monkeypatch.context() as patched:
        patched.setattr(votes.os, "write", full)
        with pytest.raises(StoreError, match="free some space and vote again"):
            ballot.cast(_vote(1))
    assert path.read_bytes() == before
    assert set(ballot.votes) == {0}
    ballot.cast(_vote(1))
    assert set(Ballot(path).votes) == {0, 1}


@pytest.mark.parametrize("cut", [1, 5, 40, 200])
def test_a_line_torn_by_a_power_cut_is_cut_off_and_the_next_vote_is_whole(tmp_path, cut):
    path = tmp_path / "anna.votes"
    ballot = Ballot(path)
    ballot.cast(_vote(0))
    whole = path.stat().st_size
    ballot.cast(_vote(1))
    os.truncate(path, whole + cut)
    again = Ballot(path)
    assert set(again.votes) == {0}
    again.cast(_vote(2))
    assert set(Ballot(path).votes) == {0, 2}


def test_damage_before_the_last_line_is_said_with_the_line(tmp_path):
    path = tmp_path / "anna.votes"
    ballot = Ballot(path)
    for trial in range(3):
        ballot.cast(_vote(trial))
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"line 1 of .*anna\.votes is damaged"):
        Ballot(path)


def test_a_clock_that_jumps_back_changes_no_order(tmp_path):
    hours = iter((12, 9, 3))
    ballot = Ballot(tmp_path / "anna.votes", lambda: datetime(2030, 1, 1, next(hours), tzinfo=UTC))
    for answer in ("a", "b", "same"):
        ballot.cast(_vote(0, answer))
    again = Ballot(tmp_path / "anna.votes")
    assert again.votes[0].answer == "same"
    assert [entry.at[11:13] for entry in again.entries] == ["12", "09", "03"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", "x" * 65, "a\n", "..", "CON"])
def test_a_listener_cannot_have_a_name_that_leaves_the_folder(tmp_path, name):
    with pytest.raises(BadConfig, match="cannot be called"):
        ballot_of(tmp_path, name)


def test_what_is_no_answer_is_refused(sheet):
    with pytest.raises(BadConfig, match="no answer"):
        check_vote(_vote(0, "c"), sheet("pairs"))
    with pytest.raises(BadConfig, match="no answer"):
        check_vote(_vote(0, "same"), sheet("abx"))
    with pytest.raises(BadConfig, match="rating is missing"):
        check_vote(Vote(0, HEARD, ratings={"A": 50.0}), sheet("ratings"))
    with pytest.raises(BadConfig, match="mark is unknown"):
        check_vote(Vote(0, HEARD, "a", marks={"A": ["ugly"]}), sheet("pairs"))
    check_vote(Vote(0, HEARD, "a", marks={"A": ["high"]}), sheet("pairs"))
