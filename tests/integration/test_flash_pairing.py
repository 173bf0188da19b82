"""Pairing and signed flashes over real ptys with a key file, by functions and by commands."""

from __future__ import annotations

import random
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from tombola_device.contract import protocol as p
from tombola_device.contract.bundle import Bundle, bundle_sha256, encode_bundle
from tombola_device.contract.errors import BadConfig, FlashError
from tombola_device.contract.graph import block_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.contract.signing import bundle_is_signed
from tombola_device.flash.serve import Flashd
from tombola_device.slots.owner import Owner
from tombola_device.slots.store import Store
from tombola_host.cli import owning, playing
from tombola_host.cli.app import app
from tombola_host.link.flash import device_info, flash, pair
from tombola_host.link.keys import OwnerKey, default_label, new_key, read_key
from tombola_host.link.pty_line import PtyLine
from typer.testing import CliRunner

del owning, playing  # Imported for their commands.

ENVELOPE = Envelope([0.0, 1.0], [-9.0, -9.0], 0.0, -1.0)
MODE = Mode("m", "#000000", (0.0, 127.0), ENVELOPE)
KEY, STRANGER = OwnerKey(b"k" * 32), OwnerKey(b"s" * 32)


def encoded(name: str) -> bytes:
    manifest = Manifest(name, "voice", [MODE], {"frame": block_graph(1, 1)}, Cost(1, 1, 1, 1))
    return encode_bundle(Bundle(manifest, {"frame": random.Random(name).randbytes(5_000)}))


@dataclass
class Device:
    line: PtyLine
    owner: Owner
    flashd: Flashd
    installed: list[str] = field(default_factory=list)

    @property
    def port(self) -> str:
        return str(self.line.host_port)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    """An instrument without owners that asks its player."""
    line, owner, installed = PtyLine(tmp_path), Owner(tmp_path / "owners.json"), []
    store = Store(tmp_path / "slots", lambda _: None)
    flashd = Flashd(str(line.device_port), store, lambda path: installed.append(path.stem), owner=owner)
    stop = threading.Event()
    thread = threading.Thread(target=flashd.run, args=(stop,))
    with line:
        thread.start()
        yield Device(line, owner, flashd, installed)
        stop.set()
        thread.join()


@contextmanager
def player(owner: Owner) -> Iterator[None]:
    """Opens the window, and accepts the first key whose fingerprint the panel shows."""

    def watch() -> None:
        while not owner.asking_key:
            time.sleep(0.005)
        owner.accept(owner.asking_key)

    owner.open_window()
    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    yield
    watching.join()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "a.tombola").write_bytes(encoded("a"))
    return tmp_path / "a.tombola"


def refused(code: ErrorCode) -> pytest.RaisesExc[Refused]:
    return pytest.raises(Refused, check=lambda error: error.code == code)


def test_paired_once_its_bundles_are_taken_and_nobody_elses(device: Device, bundle: Path) -> None:
    with refused(ErrorCode.UNKNOWN_KEY):
        flash(bundle, device.port, key=KEY)
    assert (device.flashd.doing, device.flashd.progress) == ("refused", 0.0)
    with player(device.owner):
        assert pair(device.port, KEY, "me@here") == 1
    assert device.owner.keys[0].fingerprint == KEY.fingerprint
    for key, code in [(None, ErrorCode.UNSIGNED), (STRANGER, ErrorCode.UNKNOWN_KEY)]:
        before = device.line.to_device_bytes
        with refused(code):
            flash(bundle, device.port, key=key)
        assert device.line.to_device_bytes - before < 200  # No byte of the bundle was sent.
    flash(bundle, device.port, key=KEY)
    assert device.installed == [bundle_sha256(encoded("a"))]
    assert (device.flashd.doing, device.flashd.progress) == ("installed", 1.0)
    info = device_info(device.port)
    assert (info["owners"], info["takes_unsigned"]) == ([KEY.fingerprint], False)


def test_pairing_waits_for_the_player_and_says_what_to_do(device: Device) -> None:
    told: list[str] = []

    with player(device.owner):
        device.owner.open_window(0.0)

        def holds_shift_and_save(text: str) -> None:
            told.append(text)
            device.owner.open_window()

        assert pair(device.port, KEY, "me", say=holds_shift_and_save) == 1
    assert told == [
        f"Hold SHIFT and SAVE on the instrument until it says so; when it shows {KEY.fingerprint}, push its encoder."
    ]
    assert pair(device.port, KEY, "me") == 1


def test_pairing_ends_when_nobody_comes(device: Device) -> None:
    with pytest.raises(Refused, match="nobody has accepted the key at the device; .* hold SHIFT and SAVE"):
        pair(device.port, KEY, "me", patience_s=-1.0)
    with pytest.raises(BadConfig, match="longer than 32 bytes"):
        pair(device.port, KEY, "é" * 17)


def test_a_permission_at_the_panel_lets_an_unsigned_bundle_in_once(
    device: Device, bundle: Path, tmp_path: Path
) -> None:
    with refused(ErrorCode.UNSIGNED) as caught:
        flash(bundle, device.port)
    shown = device.owner.asking_bundle
    assert bundle_sha256(encoded("a")).startswith(shown)
    assert f"calls it {shown}" in str(caught.value)
    device.owner.allow_once(shown)
    flash(bundle, device.port)
    assert len(device.installed) == 1
    (tmp_path / "b.tombola").write_bytes(encoded("b"))
    with refused(ErrorCode.UNSIGNED):
        flash(tmp_path / "b.tombola", device.port)


def test_a_replayed_old_bundle_of_the_owner_is_taken_again(device: Device, bundle: Path, tmp_path: Path) -> None:
    with player(device.owner):
        pair(device.port, KEY, "me")
    (tmp_path / "b.tombola").write_bytes(encoded("b"))
    for path in (bundle, tmp_path / "b.tombola", bundle):
        flash(path, device.port, key=KEY)
    assert device.installed == [bundle_sha256(encoded(name)) for name in "aba"]


def test_by_command_from_no_key_to_a_signed_flash(device: Device, bundle: Path, tmp_path: Path, monkeypatch) -> None:
    path, run = tmp_path / "config" / "owner.key", CliRunner()
    monkeypatch.setenv("TOMBOLA_KEY", str(path))
    with pytest.raises(BadConfig, match="make one with `tombola key new`"):
        run.invoke(app, ["pair", "--port", device.port], catch_exceptions=False)
    made = run.invoke(app, ["key", "new"], catch_exceptions=False)
    key = read_key(path)
    assert made.output.startswith(key.fingerprint)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key.public.hex() in run.invoke(app, ["key", "show"], catch_exceptions=False).output
    with player(device.owner):
        paired = run.invoke(app, ["pair", "--port", device.port, "--label", "me"], catch_exceptions=False)
    assert f"knows {key.fingerprint}" in paired.output
    run.invoke(app, ["flash", str(bundle), "--port", device.port], catch_exceptions=False)
    assert device.installed == [bundle_sha256(encoded("a"))]


def test_signature_that_is_written_beside_a_bundle_is_the_one_a_flash_begins_with(tmp_path: Path, monkeypatch) -> None:
    path, data = tmp_path / "mine.tombola", encoded("mine")
    path.write_bytes(data)
    monkeypatch.setenv("TOMBOLA_KEY", str(tmp_path / "owner.key"))
    key, runner = new_key(tmp_path / "owner.key"), CliRunner()
    done = runner.invoke(app, ["key", "sign", str(path)])
    assert done.exit_code == 0, done.output
    signed = bytes.fromhex((tmp_path / "mine.tombola.sig").read_text())
    sha256 = bytes.fromhex(bundle_sha256(data))
    assert (len(signed), signed[:32]) == (96, key.public)
    assert bundle_is_signed(signed[:32], sha256, signed[32:])


def test_a_key_is_made_once_and_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "owner.key"
    key = new_key(path)
    assert read_key(path) == key
    with pytest.raises(BadConfig, match="already holds a key"):
        new_key(path)
    assert read_key(path) == key
    assert key.seed.hex() not in repr(key)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o606])
def test_a_key_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "owner.key"
    new_key(path)
    path.chmod(mode)
    with pytest.raises(BadConfig, match=f"run `chmod 600 {path}`"):
        read_key(path)


@pytest.mark.parametrize("content", [b"", b"tombola-ed25519-seed 12", b"\xff" * 80, b"ab" * 32])
def test_what_is_no_key_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "owner.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(BadConfig, match="is not a Tombola key"):
        read_key(path)


def test_the_default_label_fits(monkeypatch) -> None:
    monkeypatch.setenv("LOGNAME", "ä" * 40)
    assert 0 < len(default_label().encode()) <= 32


def test_a_device_of_version_1_is_flashed_unsigned_and_cannot_be_paired(
    device: Device, bundle: Path, monkeypatch
) -> None:
    old = SimpleNamespace(**vars(p) | {"PROTOCOL_VERSION": 1})
    monkeypatch.setattr("tombola_device.contract.receiver.p", old)
    with pytest.raises(FlashError, match=r"speaks version 1 of the flash protocol, .* update the device"):
        pair(device.port, KEY, "me")
    with refused(ErrorCode.UNSIGNED):
        flash(bundle, device.port, key=KEY)
    device.owner.allow_once(device.owner.asking_bundle)
    flash(bundle, device.port, key=KEY)
    assert len(device.installed) == 1
