"""A file that could not be read is not replaced by what was made without it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from tombola_device.contract.bundle import bundle_sha256
from tombola_device.contract.errors import StoreError
from tombola_device.contract.refusals import Refused
from tombola_device.contract.signing import sign_bundle, sign_pairing
from tombola_device.disk.errands import AtOnce
from tombola_device.disk.fake import FakeFiles
from tombola_device.disk.sealed import LOST_S, SealedFile, read_sealed, write_sealed
from tombola_device.play.midi_map import MidiMap, MidiSettings
from tombola_device.play.player import Player
from tombola_device.slots.owner import Owner
from tombola_device.slots.pointer import POINTER_NAME, Slots
from tombola_device.slots.store import Store
from tombola_device.surface.again import AGAIN_S, TRIES
from tombola_device.surface.hands import PanelMap
from tombola_device.surface.scenes import SceneStore, Settings
from tombola_device.surface.settings import SettingsPage

FOLDER = Path("/state")
QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"
SEEDS = (bytes(range(32)), bytes(range(1, 33)))


class Disk(FakeFiles):
    """A disk whose files cannot be read while it is ``silent``, or read wrongly; it takes what is written."""

    silent = babbles = False

    def read(self, path: Path) -> bytes:
        if self.babbles and path.suffix == ".json":
            return b"?" + super().read(path)
        if self.silent and path.suffix == ".json":
            raise OSError(errno.EIO, "Input/output error")
        return super().read(path)


@pytest.fixture
def disk():
    return Disk()


def test_a_file_that_could_not_be_read_is_replaced_only_after_it_was_read(disk):
    path = FOLDER / "settings.json"
    write_sealed(disk, path, Settings(midi=MidiSettings(channel=3)))
    kept = disk.read(path)
    file = SealedFile(disk, path, Settings)
    disk.silent = True
    assert (file.read(), file.unread) == (None, True)
    with pytest.raises(OSError, match="could not be read and is kept"):
        file.write(Settings())
    disk.silent = False
    with pytest.raises(OSError, match="could not be read and is kept"):
        file.write(Settings())
    assert (disk.read(path), file.unread) == (kept, False)
    file.write(Settings())
    assert read_sealed(disk, path, Settings) == Settings()


def test_a_file_that_was_read_wrongly_is_read_once_more_before_it_is_replaced(disk):
    path = FOLDER / "settings.json"
    write_sealed(disk, path, Settings(midi=MidiSettings(channel=3)))
    file = SealedFile(disk, path, Settings)
    disk.babbles = True
    assert (file.read(), file.unread, file.damaged) == (None, True, True)
    disk.babbles = False
    with pytest.raises(OSError, match="could not be read and is kept"):
        file.write(Settings())
    assert (file.unread, read_sealed(disk, path, Settings).midi.channel) == (False, 3)


def test_a_file_that_is_damaged_missing_or_unread_for_a_minute_is_replaced(disk):
    path, now = FOLDER / "settings.json", [0.0]
    file = SealedFile(disk, path, Settings, lambda: now[0])
    assert (file.read(), file.unread) == (None, False)
    disk.write(path, b"?")
    assert (file.read(), file.unread, file.damaged) == (None, True, True)
    file.write(Settings())
    assert not file.unread
    disk.silent = True
    file.read()
    now[0] = LOST_S - 1
    file.read()
    with pytest.raises(OSError, match="is kept"):
        file.write(Settings())
    now[0] = LOST_S
    file.write(Settings(midi=MidiSettings(channel=5)))
    disk.silent = False
    assert file.read().midi.channel == 5


def page_of(disk):
    player, errands = Player(2, 2), AtOnce()
    midi_map = MidiMap(player)
    return SettingsPage(player, midi_map, PanelMap(player), SceneStore(disk, FOLDER), errands), midi_map, errands


def test_settings_that_cannot_be_read_at_the_start_are_kept_and_hold_as_soon_as_they_can(disk):
    path = FOLDER / "settings.json"
    write_sealed(disk, path, Settings(midi=MidiSettings(channel=3)))
    kept, disk.silent = disk.read(path), True
    page, midi_map, errands = page_of(disk)
    assert page.damaged == "the settings cannot be read yet and are kept; check the card"
    page.choose("velocity", "hard")
    page.tick(0.0)
    assert midi_map.settings.velocity_curve == "hard"
    disk.silent = False
    page.choose("MIDI channel", "7")
    assert (disk.read(path), errands.collect()) == (kept, [])
    page.tick(AGAIN_S)
    assert errands.collect() == ["the settings could be read now and hold"]
    assert midi_map.settings == MidiSettings(channel=3)
    page.choose("velocity", "hard")
    assert read_sealed(disk, path, Settings).midi == MidiSettings(channel=3, velocity_curve="hard")


def test_settings_that_are_read_wrongly_at_the_start_hold_two_seconds_later(disk):
    write_sealed(disk, FOLDER / "settings.json", Settings(midi=MidiSettings(channel=3)))
    disk.babbles = True
    page, midi_map, errands = page_of(disk)
    assert (page.damaged, midi_map.settings.channel) == ("the settings are damaged; set them again", 0)
    disk.babbles = False
    page.tick(AGAIN_S)
    assert errands.collect() == ["the settings could be read now and hold"]
    assert midi_map.settings.channel == 3


def test_settings_that_can_never_be_read_are_given_up_with_a_sentence(disk):
    write_sealed(disk, FOLDER / "settings.json", Settings())
    disk.silent = True
    page, _, errands = page_of(disk)
    for step in range(2 * TRIES):
        page.tick(step * AGAIN_S)
    assert errands.collect() == ["the stored settings cannot be read and are given up; set them again"]


def test_slots_that_cannot_be_read_at_a_boot_are_kept_and_the_next_flash_knows_them(disk):
    before, data = Slots("1" * 64, "2" * 64), QUARTET.read_bytes()
    write_sealed(disk, FOLDER / POINTER_NAME, before)
    disk.silent = True
    store = Store(FOLDER, lambda _: None, QUARTET, disk)
    assert store.boot() == QUARTET
    disk.silent = False
    assert read_sealed(disk, FOLDER / POINTER_NAME, Slots) == before
    assert store.slots == Slots()
    store.begin(bundle_sha256(data), len(data))
    store.write(data)
    store.finish()
    assert store.slots == Slots(bundle_sha256(data), "1" * 64, confirmed=False)


def test_owners_that_cannot_be_read_at_the_start_are_kept_and_known_again(disk):
    path, keys = FOLDER / "owners.json", [signing_key.verify_key.encode() for signing_key in map(SigningKey, SEEDS)]
    owner = Owner(path, "ask", disk)
    for key, seed in zip(keys, SEEDS, strict=True):
        owner.open_window()
        with pytest.raises(Refused):
            owner.enrol(key, "me", sign_pairing(seed, "me"))
        if key == keys[1]:
            kept, disk.silent = disk.read(path), True
            owner = Owner(path, "ask", disk)
            assert owner.keys == ()
            owner.open_window()
            with pytest.raises(Refused):
                owner.enrol(key, "me", sign_pairing(seed, "me"))
            with pytest.raises(StoreError, match="could not be read and is kept"):
                owner.accept(owner.asking_key)
            disk.silent = False
            assert disk.read(path) == kept
        else:
            owner.accept(owner.asking_key)
    owner.check("0" * 64, keys[0], sign_bundle(SEEDS[0], bytes(32)))
    owner.accept(owner.asking_key)
    assert [known.key for known in owner.keys] == [key.hex() for key in keys]
