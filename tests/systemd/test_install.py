"""The units and the installer: installed into trees and verified by systemd's tools, without a running system."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNITS = ("tombola.service", "tombola-gadget.service")
MOST_EXPOSED = {"tombola.service": 3.0, "tombola-gadget.service": 2.0}


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def tree(tmp_path) -> Path:
    """A minimal Debian system for the installer; its Python is the running one."""
    root = tmp_path / "root"
    for folder in ("etc", "usr/bin", "boot/firmware", "opt"):
        (root / folder).mkdir(parents=True)
    (root / "etc/os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/bash\n")
    (root / "etc/group").write_text("".join(f"{name}:x:{90 + index}:\n" for index, name in enumerate(
        ("root", "audio", "gpio", "spi", "i2c", "dialout"))))  # fmt: skip
    (root / "boot/firmware/config.txt").write_text("arm_64bit=1\n")
    (root / "boot/firmware/cmdline.txt").write_text(
        "console=serial0,115200 console=tty1 root=PARTUUID=1-02 rootfstype=ext4 fsck.repair=yes rootwait\n"
    )
    (root / "usr/bin/python3.11").write_text("")
    (root / "usr/bin/python3.11").chmod(0o755)
    return root


@pytest.fixture
def wheels(tmp_path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel = folder / "tombola_device-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(b'a wheel').hexdigest()}  {wheel.name}\n")
    return folder


@pytest.fixture
def chroot(tmp_path) -> Path:
    """A fake ``chroot`` that makes the files of Python and pip, so that no emulator is needed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "chroot").write_text(
        "#!/bin/bash\nroot=$1; shift\n"
        'case "$*" in\n'
        '  *" -m venv "*) mkdir -p "$root${@: -1}/bin" "$root${@: -1}/lib" ;;\n'
        "  *pip*) [[ -z ${BROKEN_WHEELS:-} ]] ;;\n"
        "  *) true ;;\nesac\n"
    )
    (folder / "chroot").chmod(0o755)
    return folder


def install(root: Path, *options: object, path: Path | None = None, **environment: str):
    paths = f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]
    command = [str(SYSTEMD / "install.sh"), "--root", str(root), *map(str, options)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": paths, **environment}
    )


def snapshot(root: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(root)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_installing_twice_is_the_same_as_once_and_uninstalling_leaves_what_was_there(tree, wheels, chroot):
    before = snapshot(tree)
    first = install(tree, "--wheels", wheels, path=chroot)
    assert first.returncode == 0, first.stderr
    once = snapshot(tree)
    assert install(tree, "--wheels", wheels, path=chroot).returncode == 0
    twice = snapshot(tree)
    twice.pop("opt/tombola/previous")
    assert twice == once
    assert once["opt/tombola/current"].startswith("versions/0.1.0-")
    assert once["etc/systemd/system/serial-getty@ttyGS0.service"] == "/dev/null"
    assert b"dtoverlay=hifiberry-dac" in once["boot/firmware/config.txt"]
    state = tree / "var/lib/tombola/scenes"
    state.mkdir(parents=True)
    assert install(tree, "--uninstall").returncode == 0
    assert state.is_dir()
    assert install(tree, "--uninstall", "--purge").returncode == 0
    assert not state.exists()
    assert snapshot(tree) == before


@pytest.mark.parametrize("more", [(), ("--force",)])
def test_raspberry_pi_5_is_refused_in_one_sentence_and_nothing_is_written(tree, wheels, chroot, more):
    model = tree / "proc/device-tree/model"
    model.parent.mkdir(parents=True)
    model.write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    before = snapshot(tree)
    done = install(tree, "--wheels", wheels, *more, path=chroot)
    assert done.returncode == 1
    assert "the board carries no Raspberry Pi 5" in done.stderr
    assert snapshot(tree) == before
    model.write_text("Raspberry Pi 4 Model B Rev 1.5\0")
    assert install(tree, "--wheels", wheels, path=chroot).returncode == 0


def test_installer_removes_the_console_from_the_midi_port_and_uninstalling_restores_it(tree, wheels, chroot):
    install(tree, "--wheels", wheels, path=chroot)
    line = (tree / "boot/firmware/cmdline.txt").read_text()
    assert line == "console=tty1 root=PARTUUID=1-02 rootfstype=ext4 fsck.repair=yes rootwait\n"
    # Later changes stay: the system would not boot with an old PARTUUID.
    (tree / "boot/firmware/cmdline.txt").write_text(line.replace("1-02", "9-02"))
    install(tree, "--uninstall")
    back = (tree / "boot/firmware/cmdline.txt").read_text()
    assert back == f"console=serial0,115200 {line.replace('1-02', '9-02')}"


def test_a_version_that_is_incomplete_after_a_power_cut_is_installed_again(tree, wheels, chroot):
    install(tree, "--wheels", wheels, path=chroot)
    version = tree / "opt/tombola" / (tree / "opt/tombola/current").readlink()
    (version / "whole").unlink()
    (version / "half").write_text("")
    assert install(tree, "--wheels", wheels, path=chroot).returncode == 0
    assert (version / "whole").exists()
    assert not (version / "half").exists()


def test_installing_on_the_running_system_writes_into_it(tree, wheels, chroot, tmp_path):
    """Without --root: bind mounts make the tree / for the script, which calls the system's own tools."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare")
    tools = tmp_path / "live"
    tools.mkdir()
    for name, body in {
        "uname": "echo aarch64",
        "systemctl": 'echo "$@" >>/opt/calls',
        "udevadm": 'echo "$@" >>/opt/calls',
        "python3.11": 'mkdir -p "${@: -1}/bin"; for tool in pip python tombolad; do printf "#!/bin/sh\\n" '
        '>"${@: -1}/bin/$tool"; chmod +x "${@: -1}/bin/$tool"; done',
    }.items():
        (tools / name).write_text(f"#!/bin/bash\n{body}\n")
        (tools / name).chmod(0o755)
    # Debian's awk is a link through /etc, which the tree covers.
    (tools / "awk").symlink_to(Path(tool("awk")).resolve())
    mounts = "".join(
        f"mount --bind {tree / inner} {outer} && "
        for inner, outer in (("etc", "/etc"), ("opt", "/opt"), ("boot", "/boot"))
    )
    # The script finds the interpreter made above.
    looked = "[[ -x $root/usr/bin/$candidate ]] && python=/usr/bin/$candidate"
    script = (SYSTEMD / "install.sh").read_text()
    assert looked in script
    script = script.replace(looked, f"python={tools}/python3.11")
    copy = tmp_path / "systemd"
    shutil.copytree(SYSTEMD, copy)
    (copy / "install.sh").write_text(script)
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", f"{mounts} PATH={tools}:$PATH {copy}/install.sh --wheels {wheels}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if re.search("not permitted|denied", done.stderr):
        pytest.skip("mounts of one's own are not permitted here")
    assert done.returncode == 0, done.stderr
    assert (tree / "opt/tombola/current/whole").exists()
    assert (tree / "etc/systemd/system/tombola.service").exists()
    assert "daemon-reload" in (tree / "opt/calls").read_text()


def test_devices_are_allowed_by_the_names_that_the_kernel_gives_them():
    # register_chrdev and alloc_chrdev_region: sound/core/sound.c, drivers/spi/spidev.c, drivers/i2c/i2c-dev.c,
    # drivers/gpio/gpiolib.c, drivers/tty/serial/amba-pl011.c, drivers/usb/gadget/function/u_serial.c.
    kernel = {"alsa", "spi", "i2c", "gpiochip", "ttyAMA", "ttyGS"}
    allowed = re.findall(r"^DeviceAllow=char-(\S+)", (SYSTEMD / "tombola.service").read_text(), flags=re.MULTILINE)
    assert set(allowed) == kernel


def test_settings_of_the_user_survive_an_update(tree, wheels, chroot):
    install(tree, "--wheels", wheels, path=chroot)
    (tree / "etc/tombola/tombola.toml").write_text("voices = 2\n")
    install(tree, "--wheels", wheels, path=chroot)
    assert (tree / "etc/tombola/tombola.toml").read_text() == "voices = 2\n"


def test_wheels_that_do_not_fit_leave_the_old_version_in_place(tree, wheels, chroot):
    install(tree, "--wheels", wheels, path=chroot)
    before = (tree / "opt/tombola/current").readlink()
    (wheels / "other-1-py3-none-any.whl").write_bytes(b"other")
    with (wheels / "SHA256SUMS").open("a") as sums:
        sums.write(f"{hashlib.sha256(b'other').hexdigest()}  other-1-py3-none-any.whl\n")
    failed = install(tree, "--wheels", wheels, path=chroot, BROKEN_WHEELS="1")
    assert failed.returncode == 1
    assert "do not fit this Python" in failed.stderr
    assert (tree / "opt/tombola/current").readlink() == before
    assert len(list((tree / "opt/tombola/versions").iterdir())) == 1


def test_only_wheels_that_are_listed_are_copied(tree, wheels, chroot):
    (wheels / "evil-1-py3-none-any.whl").write_bytes(b"not in the list")
    seen = tree / "opt/seen"
    (chroot / "chroot").write_text(
        f'#!/bin/bash\n[[ $* == *pip* ]] && ls "$1/opt/tombola/wheels.partial" >{seen}\n'
        + (chroot / "chroot").read_text().removeprefix("#!/bin/bash\n")
    )
    assert install(tree, "--wheels", wheels, path=chroot).returncode == 0
    assert seen.read_text().split() == ["SHA256SUMS", "tombola_device-0.1.0-py3-none-any.whl"]


@pytest.mark.parametrize("name", ["../evil.whl", "/etc/evil.whl", "-r.whl", "evil.py", "a b.whl", "a$(id).whl"])
def test_a_list_that_names_what_is_no_wheel_beside_it_is_refused(tree, wheels, chroot, name):
    with (wheels / "SHA256SUMS").open("a") as sums:
        sums.write(f"{hashlib.sha256(b'evil').hexdigest()}  {name}\n")
    for place in (wheels / name, wheels.parent / "evil.whl"):
        if wheels.parent in place.parents:
            place.write_bytes(b"evil")
    before = snapshot(tree)
    done = install(tree, "--wheels", wheels, path=chroot)
    assert done.returncode == 1
    assert "names other files than wheels" in done.stderr
    assert snapshot(tree) == before


def test_a_wheel_that_changes_while_it_is_copied_is_not_installed(tree, wheels, chroot):
    (chroot / "cp").write_text('#!/bin/bash\n/bin/cp "$@"; [[ $2 == */wheels.partial/ ]] && echo x >>"$2${1##*/}"\n')
    (chroot / "cp").chmod(0o755)
    done = install(tree, "--wheels", wheels, path=chroot)
    assert done.returncode == 1
    assert "changed while it was copied" in done.stderr
    assert not (tree / "opt/tombola/wheels.partial").exists()
    assert not (tree / "opt/tombola/current").exists()


def ids(tree: Path) -> tuple[str, str, str]:
    """Of the user, of its group as the user has it, and of the group."""
    user = re.search(r"^tombola:x:(\d+):(\d+):", (tree / "etc/passwd").read_text(), flags=re.MULTILINE)
    group = re.search(r"^tombola:x:(\d+):", (tree / "etc/group").read_text(), flags=re.MULTILINE)
    return user[1], user[2], group[1]


def test_the_user_gets_a_number_that_nobody_has_and_keeps_it(tree, wheels, chroot):
    with (tree / "etc/passwd").open("a") as users, (tree / "etc/group").open("a") as groups:
        users.write("one:x:999:999::/:/bin/false\ntwo:x:997:997::/:/bin/false\n")
        groups.write("three:x:998:\n")
    assert install(tree, "--wheels", wheels, path=chroot).returncode == 0
    assert ids(tree) == ("996", "996", "996")
    assert install(tree, "--wheels", wheels, path=chroot).returncode == 0
    assert ids(tree) == ("996", "996", "996")


def test_the_user_gets_back_the_number_of_the_state_that_was_kept(tree, wheels, chroot):
    if os.geteuid() != 0:
        pytest.skip("needs root, to give a folder away")
    state = tree / "var/lib/tombola"
    state.mkdir(parents=True)
    os.chown(state, 321, 321)
    assert install(tree, "--wheels", wheels, path=chroot).returncode == 0
    assert ids(tree) == ("321", "321", "321")


def spoil(what: str, tree: Path, wheels: Path) -> list[object]:
    if what == "damaged":
        next(wheels.glob("*.whl")).write_bytes(b"half a wheel")
    elif what == "no sums":
        (wheels / "SHA256SUMS").unlink()
    elif what == "no python":
        (tree / "usr/bin/python3.11").unlink()
    elif what == "wrong system":
        (tree / "etc/os-release").write_text("VERSION_CODENAME=bullseye\n")
    elif what == "unknown":
        return ["--colour", "red"]
    return [] if what == "no wheels" else ["--wheels", wheels]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("damaged", "damaged or incomplete"),
        ("no sums", "no SHA256SUMS"),
        ("no python", "Python 3.11 or newer is missing"),
        ("wrong system", "this system is bullseye"),
        ("unknown", "--colour is unknown"),
        ("no wheels", "--wheels"),
    ],
)
def test_what_cannot_be_installed_is_one_sentence_and_changes_nothing(tree, wheels, chroot, what, said):
    options = spoil(what, tree, wheels)
    before = snapshot(tree)
    done = install(tree, *options, path=chroot)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert snapshot(tree) == before


@pytest.mark.parametrize("script", ["install.sh", "gadget.sh", "make_wheels.sh"])
def test_scripts_are_clean(script):
    checked = subprocess.run([tool("shellcheck"), SYSTEMD / script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("unit", UNITS)
def test_units_are_understood_by_systemd(unit, tmp_path):
    text = (SYSTEMD / unit).read_text()
    # systemd-analyze also checks that the started programs exist.
    text = re.sub(r"^(Exec\w+=)\S+", rf"\g<1>{sys.executable}", text, flags=re.MULTILINE)
    (tmp_path / unit).write_text(re.sub(r"^(User|Group|SupplementaryGroups)=.*\n", "", text, flags=re.MULTILINE))
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", tmp_path / unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert unit not in done.stderr, done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_units_are_exposed_by_at_most_3_and_2(unit):
    done = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", SYSTEMD / unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(rf"Overall exposure level for {unit}: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSED[unit]


def test_gadget_is_made_without_any_capability(tmp_path):
    """Its script may do no more than its unit allows; a folder stands for configfs, which asks only who owns it."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to give its rights away")
    folder = tmp_path / "config"
    (folder / "usb_gadget").mkdir(parents=True)
    done = subprocess.run(
        [tool("setpriv"), "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", SYSTEMD / "gadget.sh", "start"],
        env={**os.environ, "TOMBOLA_CONFIGFS": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "no USB device controller" in done.stderr  # All before that is done.
    gadget = folder / "usb_gadget/tombola"
    assert (gadget / "configs/c.1/acm.0").readlink() == gadget / "functions/acm.0"
    assert (gadget / "strings/0x409/product").read_text() == "Tombola\n"


def test_configuration_of_the_board_is_one_that_the_daemon_reads():
    from tombola_device.config import read_config

    config = read_config(SYSTEMD / "tombola.toml")
    assert (config.unsigned, config.serial, config.panel) == ("ask", "/dev/ttyGS0", "gpio")


def test_boards_configuration_mutes_at_boot_and_has_midi_and_sound():
    from tombola_device.hal.panel.pins import load_pin_map

    text = (SYSTEMD / "boot" / "config-pi4.txt").read_text()
    assert f"gpio={load_pin_map().gpio['AUDIO_MUTE']}=op,dl" in text
    assert "dtoverlay=hifiberry-dac" in text
    assert "dtoverlay=midi-uart0\n" in text


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_instrument_is_installed_and_plays_in_an_arm64_tree(tmp_path):
    """In an emulated Raspberry Pi OS, as the user tombola and offline. Needs root, such a tree and its wheels."""
    root, wheels = (os.environ.get(name) for name in ("TOMBOLA_ARM64_ROOT", "TOMBOLA_ARM64_WHEELS"))
    if not root or not wheels or os.geteuid() != 0:
        pytest.skip("TOMBOLA_ARM64_ROOT and TOMBOLA_ARM64_WHEELS do not name an arm64 Debian tree and its wheels")
    done = install(Path(root), "--wheels", wheels)
    assert done.returncode == 0, done.stderr
    state = Path(root) / "var/lib/tombola"
    state.mkdir(parents=True, exist_ok=True)
    os.chown(state, *map(int, ids(Path(root))[:2]))
    settings = 'audio = "wav:/var/lib/tombola/out.wav"\nmidi = "none"\npanel = "none"\nserial = ""\n'
    settings += 'state_dir = "/var/lib/tombola"\nmeasure = false\nrealtime = false\n'
    (state / "play.toml").write_text(settings)
    note = bytes.fromhex("4d546864000000060000000101e04d54726b0000000d00903c5a8f0080 3c0000ff2f00".replace(" ", ""))
    (state / "note.mid").write_bytes(note)
    play = "/opt/tombola/current/bin/tombolad run --config /var/lib/tombola/play.toml --seconds 4"
    script = f"mount -t proc proc {root}/proc; mkdir -p {root}/dev/shm; mount -t tmpfs tmpfs {root}/dev/shm; "
    script += (
        f"chroot --userspec=tombola:tombola {root} env HOME=/var/lib/tombola ORT_DISABLE_TELEMETRY=1 OMP_NUM_THREADS=1 "
    )
    script += f"{play} --midi-file /var/lib/tombola/note.mid"
    played = subprocess.run(["unshare", "-m", "bash", "-c", script], capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr
    data = (state / "out.wav").read_bytes()[44:]
    samples = [int.from_bytes(data[i : i + 2], "little", signed=True) for i in range(0, len(data) - 1, 2)]
    assert len(samples) > 9600
    assert max(samples) > 300
