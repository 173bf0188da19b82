"""The units in a booted container: systemd starts the instrument, watches it and restarts it.

Needs root, systemd-nspawn, a Debian tree of this machine's kind with systemd and Python, and wheels for it:

    debootstrap --variant=minbase --include=systemd-sysv,python3-venv bookworm TREE
    pip wheel -w WHEELS './device[pi]'; (cd WHEELS && sha256sum -- *.whl >SHA256SUMS)
    TOMBOLA_CONTAINER_ROOT=TREE TOMBOLA_CONTAINER_WHEELS=WHEELS pytest -m slow tests/systemd/test_boot.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from tombola_device.contract.bundle import Bundle, bundle_sha256, decode_bundle, encode_bundle
from tombola_device.slots.pointer import Slots
from tombola_device.slots.store import Store

QUARTET = Path(__file__).parents[2] / "models/quartet/quartet.tombola"
INSTALLER = Path(__file__).parents[2] / "systemd/install.sh"
SETTINGS = """audio = "null"
midi = "none"
panel = "none"
serial = ""
state_dir = "/var/lib/tombola"
"""
PATIENCE_S = 120.0
CAP_SYS_RESOURCE = 24
"""systemd needs this capability to raise the limits for SCHED_FIFO and locked memory: capabilities(7)."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def eventually(found: Callable[[], object], what: str) -> object:
    """Call ``found`` until its result is true; return that result."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        try:
            if value := found():
                return value
        except (OSError, ValueError):
            pass  # The file is missing or incomplete; read it again.
        time.sleep(0.1)
    pytest.fail(f"{what}: not within {PATIENCE_S:.0f} s")


@dataclass(frozen=True)
class Container:
    """A booted system. Only the folder bound to /var/lib/tombola is writable."""

    nspawn: subprocess.Popen[bytes]
    state: Path

    @property
    def leader(self) -> int:
        """Process number of its systemd."""
        children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def run(self, *command: str) -> str:
        """Output of a command in the system."""
        inside = ["nsenter", "-t", str(self.leader), "-a", *command]
        return subprocess.run(inside, capture_output=True, text=True, check=False).stdout.strip()

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.run("systemctl", "show", "--value", "--property", name, "tombola.service")

    def status(self) -> dict[str, object]:
        """The newest status of the instrument."""
        return json.loads((self.state / "status.json").read_text())

    def processes(self) -> list[tuple[int, str]]:
        """Process numbers, on this machine, and command lines of the unit's processes."""
        group, space = f"{self.show('ControlGroup')}\n", Path(f"/proc/{self.leader}/ns/pid").readlink()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "ns/pid").readlink() == space and group in (folder / "cgroup").read_text():
                    found.append((int(folder.name), (folder / "cmdline").read_text().replace("\0", " ")))
            except OSError:
                continue  # The process has ended.
        return found

    def audio_process(self) -> int:
        """Process number of the audio process; 0: it does not run."""
        return next((pid for pid, command in self.processes() if "tombola_device.audio.process" in command), 0)

    def wait_until_ready(self) -> None:
        eventually(lambda: self.leader and self.show("ActiveState") == "active", "READY")

    def power_off(self) -> None:
        if self.nspawn.poll() is None:
            # Not `poweroff`: the system has no logind, and `poweroff` would wait for it.
            self.run("systemctl", "start", "--no-block", "--job-mode=replace-irreversibly", "poweroff.target")
        try:
            self.nspawn.wait(60)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()


@pytest.fixture(scope="module")
def tree() -> Path:
    """The tree with the installed instrument."""
    root, wheels = (os.environ.get(name) for name in ("TOMBOLA_CONTAINER_ROOT", "TOMBOLA_CONTAINER_WHEELS"))
    if not root or not wheels:
        pytest.skip("TOMBOLA_CONTAINER_ROOT and TOMBOLA_CONTAINER_WHEELS do not name a Debian tree and its wheels")
    if os.geteuid() != 0 or shutil.which("systemd-nspawn") is None:
        pytest.skip("a container is booted by root with systemd-nspawn (Debian: systemd-container)")
    settings = Path(root) / "etc/tombola/tombola.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(SETTINGS)
    (Path(root) / "var/lib/tombola").mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [str(INSTALLER), "--root", root, "--wheels", wheels], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Path(root)


@pytest.fixture
def state(tmp_path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def boot(tree, state) -> Iterator[Callable[[], Container]]:
    booted: list[Container] = []

    def start() -> Container:
        command = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            "--console=pipe",
            "--register=no",
            "--keep-unit",
            "--read-only",
        ]
        command += ["--machine=tombola-test", f"--directory={tree}", f"--bind={state}:/var/lib/tombola"]
        nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        booted.append(Container(nspawn, state))
        booted[-1].wait_until_ready()
        return booted[-1]

    yield start
    for container in booted:
        container.power_off()


def test_systemd_hears_that_it_plays_and_it_runs_as_its_own_user_with_what_the_unit_grants(boot, tree):
    (user,) = re.findall(r"^tombola:x:(\d+):", (tree / "etc/passwd").read_text(), flags=re.MULTILINE)
    container = boot()
    assert container.show("Type") == "notify"
    assert container.show("StatusText") == "playing quartet"
    eventually(lambda: container.status()["periods"], "periods")
    processes = [pid for pid, _ in container.processes()]
    assert len(processes) == 2
    for pid in processes:
        facts = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        assert set(facts["Uid"].split()) == {user}
        assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
        assert facts["NoNewPrivs"] == "1"
    (granted,) = [
        int(line.split()[1], 16) for line in Path(f"/proc/{container.leader}/status").read_text().splitlines()
        if line.startswith("CapEff")
    ]  # fmt: skip
    if granted >> CAP_SYS_RESOURCE & 1:  # Where even root lacks it, the instrument reports what it lacks.
        assert container.status()["refused"] == []
        assert os.sched_getscheduler(container.audio_process()) == os.SCHED_FIFO
    else:
        assert set(container.status()["refused"]) <= {"SCHED_FIFO", "locked memory"}


def test_audio_process_that_stands_still_is_replaced_by_the_daemon_and_the_unit_is_not_restarted(boot):
    container = boot()
    stopped = int(eventually(container.audio_process, "the audio process"))
    os.kill(stopped, signal.SIGSTOP)
    eventually(lambda: container.audio_process() not in (0, stopped), "another audio process")
    assert container.show("NRestarts") == "0"
    assert not Path(f"/proc/{stopped}").exists()
    before = int(eventually(lambda: container.status()["periods"], "periods"))
    eventually(lambda: container.status()["periods"] > before, "more periods")


def test_daemon_that_stands_still_is_ended_by_the_watchdog_with_its_audio_process_and_it_plays_again(boot):
    container = boot()
    audio = int(eventually(container.audio_process, "the audio process"))
    stopped = int(container.show("MainPID"))
    daemon = next(pid for pid, _ in container.processes() if pid != audio)
    os.kill(daemon, signal.SIGSTOP)
    eventually(lambda: container.show("MainPID") not in ("0", str(stopped)), "another daemon")
    container.wait_until_ready()
    assert container.show("NRestarts") == "1"
    assert "watchdog" in container.run("journalctl", "--no-pager", "--unit", "tombola.service")
    assert not Path(f"/proc/{daemon}").exists()
    assert not Path(f"/proc/{audio}").exists()
    before = int(eventually(lambda: container.status()["periods"], "periods"))
    eventually(lambda: container.status()["periods"] > before, "more periods")


def test_all_but_its_state_is_read_only_and_what_was_flashed_is_kept_over_a_boot(boot, state):
    bundle = decode_bundle(QUARTET.read_bytes())
    renamed = encode_bundle(Bundle(msgspec.structs.replace(bundle.manifest, name="renamed"), bundle.graphs))
    store = Store(state / "slots", lambda bundle: None)
    store.begin(bundle_sha256(renamed), len(renamed))
    store.write(renamed)
    store.finish()
    container = boot()
    assert container.show("StatusText") == "playing renamed"
    for folder in ("/etc", "/opt/tombola", "/usr", "/var/lib"):
        assert "Read-only" in container.run("sh", "-c", f"touch {folder}/written 2>&1")
    eventually(lambda: Store(state / "slots", lambda bundle: None).slots.boots == 0, "the boot that went well")
    container.power_off()
    assert not (state / "status.json").exists()  # A normal end removes the file.
    # It was kept, and has not sounded yet.
    assert Store(state / "slots", lambda bundle: None).slots == Slots(bundle_sha256(renamed), confirmed=False)
    again = boot()
    assert again.show("StatusText") == "playing renamed"
    assert not again.status()["confirmed"]
