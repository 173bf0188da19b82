"""The slots: a playable bundle at every moment, whatever is sent and whenever the power is cut."""

from __future__ import annotations

import contextlib
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.bundle import Bundle, bundle_sha256, decode_bundle, encode_bundle
from tombola_device.contract.errors import BadBundle, StoreError
from tombola_device.contract.graph import block_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode
from tombola_device.disk.fake import FakeFiles, PowerCut
from tombola_device.disk.files import DiskFiles, Files
from tombola_device.slots.errors import DiskFull, ProbeFailed, WrongHash
from tombola_device.slots.pointer import Slots
from tombola_device.slots.store import MOST_FAULTS, RESERVE_BYTES, TRIAL_BOOTS, Store

FOLDER = Path("/slots")
ENVELOPE = Envelope([0.0, 1.0], [-9.0, -9.0], 0.0, -1.0)
MODE = Mode("m", "#000000", (0.0, 127.0), ENVELOPE)


def encoded(name: str, graph_bytes: int = 300) -> bytes:
    manifest = Manifest(name, "voice", [MODE], {"frame": block_graph(1, 1)}, Cost(1, 1, 1, 1))
    return encode_bundle(Bundle(manifest, {"frame": random.Random(name).randbytes(graph_bytes)}))


A, B, C = encoded("a"), encoded("b"), encoded("c")
SHA = {name: bundle_sha256(data) for name, data in (("a", A), ("b", B), ("c", C))}


def plays(bundle: Bundle) -> None:
    """A probe that accepts every bundle."""


def install(store: Store, data: bytes, chunk_bytes: int = 200) -> Path:
    """Send a bundle as a host does: continue after the bytes that the device already holds."""
    held = store.begin(bundle_sha256(data), len(data))
    if zlib.crc32(data[: held.offset]) != held.crc32:
        held = store.begin(bundle_sha256(data), len(data), restart=True)
    for start in range(held.offset, len(data), chunk_bytes):
        store.write(data[start : start + chunk_bytes])
    return store.finish()


def fresh(files: Files, folder: Path = FOLDER, probe: Callable[[Bundle], None] = plays) -> Store:
    return Store(folder, probe, files=files)


def playing(files: Files, store: Store) -> str:
    """Name of the bundle that the next boot would play."""
    return decode_bundle(files.read(store.boot())).manifest.name


def with_a() -> FakeFiles:
    """A device on which A was installed and has played."""
    files = FakeFiles()
    store = fresh(files)
    install(store, A)
    store.confirm()
    return files


@pytest.fixture(params=["disk", "fake"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Files, Path]:
    return (DiskFiles(), tmp_path / "deep" / "slots") if request.param == "disk" else (FakeFiles(), FOLDER)


def test_installed_then_confirmed_then_still_there_after_a_boot(place: tuple[Files, Path]) -> None:
    files, folder = place
    for data in (A, B):
        store = fresh(files, folder)
        install(store, data)
        store.confirm()
    assert playing(files, fresh(files, folder)) == "b"
    assert (store.slots.active, store.slots.previous) == (SHA["b"], SHA["a"])
    assert files.names(folder) == sorted([f"{SHA['a']}.tombola", f"{SHA['b']}.tombola", "slots.json"])


def test_an_unconfirmed_bundle_is_booted_twice_and_then_replaced_by_the_previous(place: tuple[Files, Path]) -> None:
    files, folder = place
    store = fresh(files, folder)
    install(store, A)
    store.confirm()
    install(store, B)
    assert [playing(files, fresh(files, folder)) for _ in range(TRIAL_BOOTS)] == ["b", "b"]
    store = fresh(files, folder)
    assert playing(files, store) == "a"
    assert store.slots == Slots(SHA["a"], None, confirmed=True, rejected=SHA["b"], boots=0)
    assert playing(files, fresh(files, folder)) == "a"


def test_a_power_cut_right_after_the_flash_costs_no_good_bundle() -> None:
    files = with_a()
    install(fresh(files), B)
    store = fresh(files)
    assert playing(files, store) == "b"
    assert (store.slots.confirmed, store.slots.boots) == (False, 1)
    store.confirm()
    assert store.slots == Slots(SHA["b"], SHA["a"], confirmed=True, boots=0)
    assert [playing(files, fresh(files)) for _ in range(5)] == ["b"] * 5


def test_a_rejected_bundle_stays_stored_and_flashing_it_again_begins_a_new_trial_without_sending_it() -> None:
    files = with_a()
    install(fresh(files), B)
    for _ in range(TRIAL_BOOTS + 1):
        playing(files, fresh(files))
    store = fresh(files)
    assert store.begin(SHA["b"], len(B)).offset == len(B)
    store.finish()
    assert (store.slots.active, store.slots.confirmed, store.slots.boots) == (SHA["b"], False, 0)
    assert playing(files, fresh(files)) == "b"


def test_slots_of_an_older_version_are_read() -> None:
    files, text = with_a(), f'{{"active":"{SHA["a"]}","previous":null,"confirmed":true,"rejected":null}}'.encode()
    files.write(FOLDER / "slots.json", text + f"\n{zlib.crc32(text):08x}".encode())
    assert fresh(files).slots == Slots(SHA["a"])


def test_an_unconfirmed_bundle_does_not_become_the_previous() -> None:
    files = with_a()
    store = fresh(files)
    install(store, B)
    install(store, C)
    assert (store.slots.active, store.slots.previous, store.slots.confirmed) == (SHA["c"], SHA["a"], False)
    assert [playing(files, fresh(files)) for _ in range(TRIAL_BOOTS + 1)] == ["c", "c", "a"]


def test_flashing_the_previous_again_needs_no_bytes_and_no_trial() -> None:
    files = with_a()
    store = fresh(files)
    install(store, B)
    held = store.begin(SHA["a"], len(A))
    assert (held.offset, held.active) == (len(A), False)
    store.finish()
    assert store.slots.confirmed
    assert playing(files, fresh(files)) == "a"


def test_the_active_bundle_is_reported_as_active() -> None:
    assert fresh(with_a()).begin(SHA["a"], len(A)).active


def test_the_only_bundle_plays_even_unconfirmed() -> None:
    files = FakeFiles()
    install(fresh(files), A)
    assert playing(files, fresh(files)) == "a"


def test_the_factory_bundle_plays_when_there_is_no_other(tmp_path: Path) -> None:
    factory = tmp_path / "factory.tombola"
    factory.write_bytes(C)
    folder = tmp_path / "slots"
    store = Store(folder, plays, factory)
    assert store.boot() == factory
    assert not folder.exists()
    install(store, A)
    boots = [Store(folder, plays, factory).boot().read_bytes() for _ in range(TRIAL_BOOTS + 1)]
    assert boots == [A, A, C]
    store = Store(folder, plays, factory)
    install(store, A)
    store.confirm()
    assert Store(folder, plays, factory).boot().read_bytes() == A
    assert store.revert() == factory


def test_a_store_without_bundles_is_an_error_in_one_sentence() -> None:
    with pytest.raises(StoreError, match="/slots holds no playable bundle; flash one"):
        fresh(FakeFiles()).boot()


def test_truncated_bundle_is_refused_before_it_replaces_the_slot() -> None:
    files = with_a()
    for length in range(1, len(B), 97):
        store = fresh(files)
        with pytest.raises(BadBundle):
            install(store, B[:length])
        assert playing(files, fresh(files)) == "a"
        assert files.names(FOLDER) == sorted([f"{SHA['a']}.tombola", "slots.json"])


@settings(max_examples=100, deadline=None)
@given(bit=st.integers(0, 8 * len(B) - 1))
def test_flipped_bit_is_refused_before_it_replaces_the_slot(bit: int) -> None:
    files = with_a()
    store = fresh(files)
    damaged = bytearray(B)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadBundle):
        install(store, bytes(damaged))
    assert store.slots.active == SHA["a"]
    store.begin(SHA["b"], len(B))
    store.write(bytes(damaged))
    with pytest.raises(WrongHash):
        store.finish()
    assert playing(files, fresh(files)) == "a"


def test_a_bundle_that_does_not_play_is_refused_with_the_reason() -> None:
    def silent(bundle: Bundle) -> None:
        raise BadBundle("its output is not finite; train again")

    files = with_a()
    store = fresh(files, probe=silent)
    with pytest.raises(ProbeFailed, match="'b' does not play here: its output is not finite"):
        install(store, B)
    assert store.slots.active == SHA["a"]
    assert playing(files, store) == "a"


def test_a_transfer_continues_where_it_stopped_and_restarts_on_request() -> None:
    files = with_a()
    store = fresh(files)
    store.begin(SHA["b"], len(B))
    store.write(B[:300])
    store = fresh(files)
    assert store.begin(SHA["b"], len(B)).offset == 300
    assert store.begin(SHA["b"], len(B), restart=True).offset == 0
    assert store.begin(SHA["c"], len(C)).offset == 0
    assert f"{SHA['b']}.partial" not in files.names(FOLDER)


@pytest.mark.parametrize("used", [False, True])
def test_however_many_transfers_begin_there_is_one_part_of_a_bundle(*, used: bool) -> None:
    files = with_a() if used else FakeFiles()
    for number in range(50):
        store = fresh(files)
        store.begin(f"{number:064}", 100)
        store.write(bytes(10))
        assert sum(name.endswith(".partial") for name in files.names(FOLDER)) == 1


def test_what_has_arrived_stays_when_the_probe_is_stopped() -> None:
    def stopped(bundle: Bundle) -> None:
        raise StoreError("the instrument is ending; flash the bundle again")

    files = with_a()
    with pytest.raises(StoreError, match="is ending"):
        install(fresh(files, probe=stopped), B)
    store = fresh(files)
    assert store.begin(SHA["b"], len(B)).offset == len(B)
    store.finish()
    assert store.slots.active == SHA["b"]


def test_more_bytes_than_announced_are_refused() -> None:
    store = fresh(FakeFiles())
    store.begin(SHA["b"], 10)
    with pytest.raises(StoreError, match="more bytes"):
        store.write(bytes(11))
    with pytest.raises(StoreError, match="no bundle was announced"):
        fresh(FakeFiles()).finish()


def test_a_full_disk_is_reported_before_and_during_the_transfer_and_nothing_is_lost() -> None:
    files = FakeFiles(RESERVE_BYTES + 5000)
    store = fresh(files)
    install(store, A)
    store.confirm()
    with pytest.raises(DiskFull, match="does not fit into /slots"):
        store.begin("00" * 32, 6000)
    store.begin(SHA["b"], len(B))
    files.append(FOLDER / "log.txt", bytes(files.free_bytes(FOLDER) - 500))
    store.write(B[:400])
    with pytest.raises(DiskFull, match="is full; remove files"):
        store.write(B[400:])
    assert playing(files, fresh(files)) == "a"
    files.remove(FOLDER / "log.txt")
    install(fresh(files), B)
    assert fresh(files).slots.active == SHA["b"]


def test_a_damaged_active_bundle_is_replaced_by_the_previous_and_can_be_flashed_again() -> None:
    files = with_a()
    store = fresh(files)
    install(store, B)
    store.confirm()
    files.flip_bit(FOLDER / f"{SHA['b']}.tombola", 1000)
    store = fresh(files)
    assert playing(files, store) == "a"
    install(store, B)
    store.confirm()
    assert playing(files, fresh(files)) == "b"


def test_with_a_damaged_pointer_file_a_bundle_plays_and_none_is_lost() -> None:
    files = with_a()
    store = fresh(files)
    install(store, B)
    store.confirm()
    files.flip_bit(FOLDER / "slots.json", 30)
    damaged = fresh(files)
    damaged.begin(SHA["c"], len(C))
    assert len([name for name in files.names(FOLDER) if name.endswith(".tombola")]) == 2
    assert playing(files, fresh(files)) in ("a", "b")


def test_a_disk_that_cannot_be_written_does_not_stop_the_music() -> None:
    files = with_a()
    install(fresh(files), B)
    files.cut_power_at(0)

    class ReadOnly(FakeFiles):
        def write(self, path: Path, data: bytes) -> None:
            raise OSError(30, "Read-only file system", str(path))

    read_only = ReadOnly()
    read_only.__dict__.update(files.after_power_cut(random.Random(0)).__dict__)
    store = fresh(read_only)
    assert playing(read_only, store) == "a"
    with pytest.raises(StoreError, match="Read-only file system; check the disk"):
        install(store, C)


def test_reverting_while_playing_takes_the_previous() -> None:
    files = with_a()
    store = fresh(files)
    install(store, B)
    assert decode_bundle(files.read(store.revert())).manifest.name == "a"
    assert playing(files, fresh(files)) == "a"
    with pytest.raises(StoreError, match="no previous bundle"):
        store.revert()


def test_a_late_confirmation_of_another_bundle_counts_for_nothing() -> None:
    store = fresh(with_a())
    install(store, B)
    store.confirm(SHA["a"])
    assert not store.slots.confirmed
    store.confirm(SHA["b"])
    assert store.slots.confirmed


def with_b() -> FakeFiles:
    """A device on which B was installed after A, and has played."""
    files = with_a()
    store = fresh(files)
    install(store, B)
    store.confirm()
    return files


def test_a_confirmed_bundle_that_is_muted_is_replaced_by_the_one_before_for_good() -> None:
    files = with_b()
    assert fresh(files).fault(SHA["b"], certain=True) == FOLDER / f"{SHA['a']}.tombola"
    store = fresh(files)
    assert playing(files, store) == "a"
    assert store.slots == Slots(SHA["a"], None, confirmed=True, rejected=SHA["b"])


def test_ends_of_the_process_are_counted_over_restarts_and_the_third_leads_back() -> None:
    files = with_b()
    for number in range(1, MOST_FAULTS):
        assert fresh(files).fault(SHA["b"], certain=False) is None
        assert fresh(files).slots.faults == number
        assert playing(files, fresh(files)) == "b"
    assert fresh(files).fault(SHA["b"], certain=False) is not None
    assert playing(files, fresh(files)) == "a"
    assert fresh(files).slots.faults == 0


def test_faults_are_forgotten_when_the_bundle_has_played_for_long() -> None:
    files = with_b()
    for _ in range(10):
        assert fresh(files).fault(SHA["b"], certain=False) is None
        fresh(files).played_long(SHA["b"])
        assert fresh(files).slots.faults == 0
    fresh(files).fault(SHA["b"], certain=False)
    fresh(files).played_long(SHA["a"])
    assert fresh(files).slots.faults == 1


def test_faults_of_other_bundles_and_of_one_on_trial_count_for_nothing() -> None:
    files = with_b()
    assert fresh(files).fault(SHA["a"], certain=True) is None
    assert fresh(files).fault("00" * 32, certain=True) is None
    install(fresh(files), C)
    before = fresh(files).slots
    assert fresh(files).fault(SHA["c"], certain=True) is None
    assert fresh(files).slots == before


def test_fault_after_fault_ends_at_the_factory_bundle_which_stays(tmp_path: Path) -> None:
    factory = tmp_path / "factory.tombola"
    factory.write_bytes(C)
    store = Store(tmp_path / "slots", plays, factory)
    for data in (A, B):
        install(store, data)
        store.confirm()
    assert store.fault(SHA["b"], certain=True) == store.path_of(SHA["a"])
    assert store.fault(SHA["a"], certain=True) == factory
    assert store.fault(SHA["c"], certain=True) is None
    assert Store(tmp_path / "slots", plays, factory).boot() == factory


def test_a_damaged_bundle_before_is_passed_over_and_without_any_other_the_bundle_stays(tmp_path: Path) -> None:
    files = with_b()
    files.flip_bit(FOLDER / f"{SHA['a']}.tombola", 1000)
    factory = tmp_path / "factory.tombola"
    factory.write_bytes(C)
    assert fresh(files).fault(SHA["b"], certain=True) is None
    assert playing(files, fresh(files)) == "b"
    assert Store(FOLDER, plays, factory, files).fault(SHA["b"], certain=True) == factory


def test_a_disk_that_cannot_be_written_leads_back_all_the_same() -> None:
    class Full(FakeFiles):
        def write(self, path: Path, data: bytes) -> None:
            raise OSError(28, "No space left on device", str(path))

    full = Full()
    full.__dict__.update(with_b().__dict__)
    store = fresh(full)
    assert store.fault(SHA["b"], certain=True) == FOLDER / f"{SHA['a']}.tombola"
    assert store.slots.active == SHA["a"]


@pytest.mark.parametrize("certain", [True, False])
def test_power_cut_while_a_fault_is_counted_leaves_a_playable_bundle(*, certain: bool) -> None:
    for operation in range(6):
        for seed in range(6):
            files = with_b()
            files.cut_power_at(operation)
            with contextlib.suppress(PowerCut):
                fresh(files).fault(SHA["b"], certain=certain)
            files = files.after_power_cut(random.Random(seed))
            store = fresh(files)
            assert playing(files, store) in ("a", "b")
            assert store.slots.faults in (0, 1)


def operations_of(action: Callable[[Store], object]) -> int:
    files = with_a()
    before = files.operations
    action(fresh(files))
    return files.operations - before


def flash_b_and_confirm(store: Store) -> None:
    store.boot()
    install(store, B)
    store.confirm()
    install(store, C)
    store.boot()


@pytest.mark.parametrize("seed", range(12))
def test_power_cut_at_every_operation_leaves_a_playable_bundle(seed: int) -> None:
    for operation in range(operations_of(flash_b_and_confirm)):
        rng = random.Random(seed * 1000 + operation)
        files = with_a()
        files.cut_power_at(operation)
        with pytest.raises(PowerCut):
            flash_b_and_confirm(fresh(files))
        files = files.after_power_cut(rng)
        assert playing(files, fresh(files)) in ("a", "b", "c")
        second_cut = rng.randrange(30)
        files.cut_power_at(second_cut)
        with contextlib.suppress(PowerCut):
            flash_b_and_confirm(fresh(files))
        files = files.after_power_cut(rng)
        assert playing(files, fresh(files)) in ("a", "b", "c")


def test_after_any_power_cut_the_bundle_can_be_flashed_again() -> None:
    for operation in range(operations_of(flash_b_and_confirm)):
        files = with_a()
        files.cut_power_at(operation)
        with pytest.raises(PowerCut):
            flash_b_and_confirm(fresh(files))
        files = files.after_power_cut(random.Random(operation))
        store = fresh(files)
        store.boot()
        install(store, B)
        store.confirm()
        assert playing(files, fresh(files)) == "b"
