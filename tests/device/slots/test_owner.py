"""Owners: enrolment of keys, acceptance of their bundles, and the player's permission."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import pytest
from tombola_device.contract.errors import BadConfig, StoreError
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.contract.signing import fingerprint, public_key, sign_bundle, sign_pairing
from tombola_device.disk.fake import FakeFiles
from tombola_device.disk.files import DiskFiles, Files
from tombola_device.slots.owner import ALLOWANCE_S, MAX_OWNERS, Owner, Unsigned

SHA256, OTHER = (hashlib.sha256(name).hexdigest() for name in (b"one", b"other"))


def seed(number: int) -> bytes:
    return bytes([number]) * 32


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(params=["disk", "fake"])
def place(request, tmp_path) -> tuple[Files, Path]:
    return (DiskFiles(), tmp_path / "state/owners.json") if request.param == "disk" else (FakeFiles(), Path("/o.json"))


def enrol(owner: Owner, number: int = 1, label: str = "me") -> int:
    return owner.enrol(public_key(seed(number)), label, sign_pairing(seed(number), label))


def pair(owner: Owner, number: int = 1, label: str = "me") -> int:
    """Open the window, let the key ask, accept it, and let the host ask again."""
    owner.open_window()
    with refused(ErrorCode.NOT_PAIRING):
        enrol(owner, number, label)
    owner.accept(fingerprint(public_key(seed(number))))
    return enrol(owner, number, label)


def allow(owner: Owner, number: int | None = None, sha256: str = SHA256) -> None:
    """Flash in vain, then allow what the panel shows."""
    with pytest.raises(Refused):
        check(owner, number, sha256)
    owner.allow_once(sha256[:12])


def enrolled(*numbers: int, unsigned: Unsigned = "ask", clock: Clock | None = None) -> Owner:
    owner = Owner(Path("/o.json"), unsigned, FakeFiles(), clock or Clock())
    for number in numbers:
        pair(owner, number)
    return owner


def check(owner: Owner, number: int | None = None, sha256: str = SHA256) -> None:
    if number is None:
        owner.check(sha256, b"", b"")
    else:
        owner.check(sha256, public_key(seed(number)), sign_bundle(seed(number), bytes.fromhex(sha256)))


def refused(code: ErrorCode) -> pytest.RaisesExc[Refused]:
    return pytest.raises(Refused, check=lambda error: error.code == code)


def test_a_key_is_enrolled_in_the_window_kept_over_a_restart_and_its_bundles_are_accepted(
    place: tuple[Files, Path],
) -> None:
    files, path = place
    owner = Owner(path, files=files)
    with refused(ErrorCode.NOT_PAIRING):
        enrol(owner)
    assert files.size_bytes(path) is None
    assert pair(owner, label="anna@studio") == 1
    owner = Owner(path, files=files)
    assert [(key.label, key.fingerprint) for key in owner.keys] == [("anna@studio", fingerprint(public_key(seed(1))))]
    check(owner, 1)


def test_one_window_enrols_one_key_and_ends_by_itself() -> None:
    clock = Clock()
    owner = enrolled(1, clock=clock)
    assert owner.window_s == 0.0
    with refused(ErrorCode.NOT_PAIRING):
        enrol(owner, 2)
    owner.open_window(30.0)
    clock.now_s += 29.9
    assert owner.window_s == pytest.approx(0.1)
    clock.now_s += 0.2
    with refused(ErrorCode.NOT_PAIRING):
        enrol(owner, 2)


def test_pairing_again_has_the_same_answer_even_with_a_closed_window() -> None:
    owner = enrolled(1)
    assert enrol(owner) == 1
    assert len(owner.keys) == 1


def test_a_key_without_its_private_key_is_not_enrolled() -> None:
    owner = enrolled()
    owner.open_window()
    with refused(ErrorCode.BAD_SIGNATURE):
        owner.enrol(public_key(seed(1)), "me", sign_pairing(seed(2), "me"))
    assert owner.keys == ()
    assert owner.window_s > 0.0


def test_there_are_at_most_eight_and_one_can_be_removed() -> None:
    owner = enrolled(*range(1, MAX_OWNERS + 1))
    owner.open_window()
    with refused(ErrorCode.OWNERS_FULL) as caught:
        enrol(owner, 99)
    assert "already has 8 owners" in str(caught.value)
    owner.remove(owner.keys[3].fingerprint)
    assert pair(owner, 99) == MAX_OWNERS
    with refused(ErrorCode.UNKNOWN_KEY):
        check(owner, 4)


@pytest.mark.parametrize("known", [(), (2,)])
def test_unsigned_and_unknown_bundles_are_refused_even_by_a_new_instrument(known: tuple[int, ...]) -> None:
    owner = enrolled(*known)
    with refused(ErrorCode.UNSIGNED):
        check(owner)
    with refused(ErrorCode.UNKNOWN_KEY):
        check(owner, 1)


@pytest.mark.parametrize("unsigned", ["ask", "allow"])
def test_a_wrong_signature_is_refused_always(unsigned: Unsigned) -> None:
    owner = enrolled(1, unsigned=unsigned)
    with refused(ErrorCode.BAD_SIGNATURE):
        owner.check(OTHER, public_key(seed(1)), sign_bundle(seed(1), bytes.fromhex(SHA256)))


def test_with_unsigned_allowed_all_bundles_are_accepted() -> None:
    owner = enrolled(unsigned="allow")
    check(owner)
    check(owner, 1)
    assert owner.unsigned_allowed


@pytest.mark.parametrize("number", [None, 1])
def test_the_players_permission_lets_one_bundle_in_and_stays_with_it_until_it_is_installed(number: int | None) -> None:
    owner = enrolled()
    allow(owner, number)
    assert (owner.unsigned_allowed, owner.allowed_bundle) == (True, SHA256[:12])
    check(owner, number)
    assert (owner.unsigned_allowed, owner.allowed_bundle) == (False, "")
    check(owner, number)  # The same bundle again, after unplugging.
    with pytest.raises(Refused):
        check(owner, number, OTHER)
    owner.installed(SHA256)
    with pytest.raises(Refused):
        check(owner, number)


def test_a_signed_bundle_does_not_use_the_permission_up() -> None:
    owner = enrolled(1)
    allow(owner)
    check(owner, 1, OTHER)
    check(owner, None)


def test_an_unused_permission_expires() -> None:
    clock = Clock()
    owner = enrolled(clock=clock)
    allow(owner)
    clock.now_s += ALLOWANCE_S + 0.1
    assert (owner.asking_bundle, owner.allowed_bundle) == ("", "")
    with refused(ErrorCode.UNSIGNED):
        check(owner)


def test_only_the_bundle_that_was_shown_is_let_in_not_the_next_one_that_comes() -> None:
    owner = enrolled()
    with refused(ErrorCode.UNSIGNED):
        check(owner)
    assert owner.asking_bundle == SHA256[:12]
    with refused(ErrorCode.UNSIGNED):
        check(owner, None, OTHER)  # Another computer, while the player's finger moves.
    with pytest.raises(BadConfig, match="no such bundle has been refused"):
        owner.allow_once(SHA256[:12])
    with pytest.raises(BadConfig, match="no such bundle has been refused"):
        enrolled().allow_once("")
    allow(owner)
    with refused(ErrorCode.UNSIGNED):
        check(owner, None, OTHER)
    check(owner)


def test_a_key_that_asks_is_no_owner_before_the_player_has_accepted_its_fingerprint() -> None:
    owner = enrolled()
    mine, theirs = (fingerprint(public_key(seed(number))) for number in (1, 2))
    owner.open_window()
    for _ in range(1000):  # A poller, faster than any player.
        with refused(ErrorCode.NOT_PAIRING):
            enrol(owner, 2)
    assert (owner.asking_key, owner.keys) == (theirs, ())
    with refused(ErrorCode.NOT_PAIRING):
        enrol(owner, 1)
    with pytest.raises(BadConfig, match=f"the key {mine} does not ask any more"):
        owner.accept(mine)
    owner.turn_down()
    with refused(ErrorCode.NOT_PAIRING):
        enrol(owner, 2)
    assert owner.asking_key == ""
    with refused(ErrorCode.NOT_PAIRING):
        enrol(owner, 1)
    owner.accept(mine)
    assert ([key.fingerprint for key in owner.keys], owner.window_s, owner.asking_key) == ([mine], 0.0, "")
    assert enrol(owner, 1) == 1
    with refused(ErrorCode.NOT_PAIRING):
        enrol(owner, 2)


def test_a_key_cannot_be_accepted_when_its_window_has_closed() -> None:
    clock = Clock()
    owner = enrolled(clock=clock)
    owner.open_window()
    with refused(ErrorCode.NOT_PAIRING):
        enrol(owner)
    clock.now_s += 61.0
    assert owner.asking_key == ""
    with pytest.raises(BadConfig, match="open the window"):
        owner.accept(fingerprint(public_key(seed(1))))
    owner.open_window()
    assert owner.asking_key == ""


@pytest.mark.parametrize("bit", [3, 200, 700])
def test_a_damaged_file_loses_the_owners_and_is_logged(bit: int, caplog: pytest.LogCaptureFixture) -> None:
    files, path = FakeFiles(), Path("/o.json")
    owner = Owner(path, files=files)
    pair(owner)
    files.flip_bit(path, bit)
    with caplog.at_level(logging.WARNING):
        assert Owner(path, files=files).keys == ()
    assert "is damaged, so no owner is known; pair again" in caplog.text


def test_a_disk_error_is_reported_and_enrols_no_key(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        path = Path("/proc/tombola/owners.json")  # Root could write anywhere else.
    else:
        tmp_path.chmod(0o500)
        path = tmp_path / "owners.json"
    owner = Owner(path)
    owner.open_window()
    with refused(ErrorCode.NOT_PAIRING):
        enrol(owner)
    with pytest.raises(StoreError, match="cannot be written .*; check the disk"):
        owner.accept(owner.asking_key)
    assert owner.keys == ()


def test_owners_are_shown_and_forgotten_on_the_command_line(tmp_path, capsys):
    from tombola_device.__main__ import main
    from tombola_device.daemon.status import Lock

    config = tmp_path / "t.toml"
    config.write_text(f'state_dir = "{tmp_path}"\nunsigned = "ask"\n')
    assert main(["owners", "--config", str(config)]) == 0
    assert "no owners" in capsys.readouterr().out
    owner = Owner(tmp_path / "owners.json")
    for number, label in ((1, "me"), (2, "you")):
        pair(owner, number, label)
    assert main(["owners", "--config", str(config)]) == 0
    mine, yours = (fingerprint(public_key(seed(number))) for number in (1, 2))
    assert capsys.readouterr().out == f"{mine}  me\n{yours}  you\n"
    with Lock(tmp_path):  # The instrument plays.
        assert main(["owners", "--config", str(config), "--forget", mine]) == 1
    assert "stop it" in capsys.readouterr().err
    assert main(["owners", "--config", str(config), "--forget", mine]) == 0
    assert [key.fingerprint for key in Owner(tmp_path / "owners.json").keys] == [yours]
    assert main(["owners", "--config", str(config), "--forget", mine]) == 1
    assert mine in capsys.readouterr().err
