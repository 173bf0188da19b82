"""The command ``tombolad``: plays, and shows bundles, owners and status."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NoReturn, TextIO

# Before onnxruntime is imported: its wheels from PyPI report usage otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import msgspec

from tombola_device import __version__
from tombola_device.config import Config, read_config
from tombola_device.contract.errors import BadConfig, TombolaError
from tombola_device.contract.foreign import log_plainly, plain

EXAMPLES = """examples:
  tombolad run                                 play on whatever this computer has
  tombolad run --browser                       play in a browser, with or without a card and a keyboard
  tombolad run --config tombola.toml           play as set up there; tombolad run --help lists its keys
  tombolad run --midi-file tune.mid --exit-when-done
  tombolad slots --json                        list the bundles
  tombolad slots --factory struck              play another bundle of the factory set
  tombolad owners                              list the owners whose bundles it takes
  tombolad status                              show the status of the running instrument
  tombolad panel /dev/ttyACM0                  show the panel of an instrument on a cable in a browser
  tombolad selftest                            test a board that you have built, with patch cables
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Gives 0: done, 1: an error, printed in one sentence, 2: not understood."""
    parser = _parser()
    options = parser.parse_args(arguments)
    commands = {
        "run": _run,
        "slots": _slots,
        "owners": _owners,
        "status": _status,
        "panel": _panel,
        "selftest": _selftest,
    }
    try:
        return commands[options.command](options)
    except TombolaError as error:
        show(f"tombolad: {error}", sys.stderr)
        return 1


def show(line: str, stream: TextIO | None = None, end: str = "\n") -> None:
    """Print one line; by default on stdout."""
    print(plain(line), end=end, file=stream or sys.stdout, flush=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """See argparse; the message quotes the arguments."""
        super().error(plain(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tombolad",
        description="The instrument: plays a bundle of sounds, and takes new ones over a serial line.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tombolad {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="play until stopped",
        epilog=_keys(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    slots = commands.add_parser("slots", help="list the bundles, or choose one of the factory set")
    slots.add_argument("--factory", metavar="NAME", help="play this bundle of the factory set from the next start on")
    owners = commands.add_parser("owners", help="list the owners whose bundles are taken, or forget one")
    owners.add_argument("--forget", metavar="FINGERPRINT", help="take no more bundles that this key has signed")
    status = commands.add_parser("status", help="show the status of the running instrument")
    panel = commands.add_parser("panel", help="show the panel of an instrument on a USB cable in a browser here")
    panel.add_argument("serial", metavar="PORT", help="the instrument's serial port, such as /dev/ttyACM0")
    panel.add_argument("--code", default="", metavar="N", help="the six digits that its display shows")
    selftest = commands.add_parser("selftest", help="test a new board with patch cables; stop tombolad run first")
    selftest.add_argument("--step", type=int, action="append", default=[], metavar="N", help="only this step")
    for command in (run, panel):
        command.add_argument(
            "--port", type=int, default=0, metavar="N", help="port of the page (8662, or the next free)"
        )
        command.add_argument("--no-open", action="store_true", help="print the page's address, but do not open it")
    for command in (run, slots, owners, status, panel, selftest):
        command.add_argument("--config", type=Path, metavar="FILE", help="a TOML file; every key in it may be left out")
    for command in (slots, owners, status, selftest):
        command.add_argument("--json", action="store_true", help="for programs")
    run.add_argument("--midi-file", type=Path, metavar="FILE", help="play this performance")
    run.add_argument(
        "--automation", type=Path, metavar="FILE", help='move the blend: {"time_s": […], "blend": [[…], …]}'
    )
    run.add_argument("--after-flash", action="store_true", help="begin when a bundle has been flashed")
    run.add_argument("--exit-when-done", action="store_true", help="end when the last note has died away")
    run.add_argument("--seconds", type=float, metavar="S", help="end after S seconds")
    run.add_argument(
        "--browser", action="store_true", help="show the panel in a browser, and be heard there without a card"
    )
    run.add_argument("--verbose", action="store_true", help="log more")
    return parser


def _keys() -> str:
    """The keys of the configuration file and their defaults, for the help."""
    fields = msgspec.structs.fields(Config)
    longest = max(len(field.name) for field in fields)
    lines = (f"  {field.name:{longest}} = {msgspec.json.encode(field.default).decode()}" for field in fields)
    return "\n".join(("keys of the TOML file, and what they are if left out (docs/manual.md explains each):", *lines))


def _run(options: argparse.Namespace) -> int:
    from tombola_device.audio.realtime import SWITCH_INTERVAL_S
    from tombola_device.daemon.daemon import Daemon
    from tombola_device.daemon.performance import Performance
    from tombola_device.hal.midi.file import FileIn, read_midi_file
    from tombola_device.play.automation import read_automation

    config: Config = read_config(options.config)
    level = logging.INFO if options.verbose else logging.WARNING
    log_plainly(level)
    if options.seconds is not None and not options.seconds >= 0:
        raise BadConfig(f"--seconds {options.seconds} is not a time; give a number of seconds from 0 up")
    midi_file = options.midi_file
    performance = Performance(
        midi=FileIn(str(midi_file), read_midi_file(midi_file)) if midi_file else None,
        automation=read_automation(options.automation) if options.automation else None,
        seconds=options.seconds,
        after_flash=options.after_flash,
        exit_when_done=options.exit_when_done,
    )
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # The control loop must not wait for the threads of disk and serial line.
    stop = _stopped_by_signals()
    if not options.browser:
        Daemon(config, performance, show).run(stop)
        return 0
    from tombola_device.surface.browser.open import open_page

    page = open_page(config, options.port, show, show=not options.no_open)
    with closing(page.face):
        Daemon(config, performance, show, page).run(stop)
    return 0


def _slots(options: argparse.Namespace) -> int:
    from tombola_device.contract.bundle import decode_bundle
    from tombola_device.factory import shipped
    from tombola_device.slots.store import Store

    config = read_config(options.config)
    if options.factory is not None:
        _choose_factory(config, options.factory)
    store = Store(config.slots_path, lambda _: None, config.factory_path)
    slots = store.slots
    if options.json:
        factory = {"factory": str(config.factory_path or ""), "factory_set": list(shipped())}
        facts = {**msgspec.structs.asdict(slots), **factory}
        show(msgspec.json.encode(facts).decode())
        return 0
    for slot, sha256 in (("active", slots.active), ("previous", slots.previous)):
        path = store.path_of(sha256) if sha256 or slot == "active" else None
        name = "-"
        if path is not None and path.is_file():
            name = decode_bundle(path.read_bytes()).manifest.name
        origin = "factory" if sha256 is None and path is not None else (sha256 or "")[:12]
        trial = " (on trial)" if slot == "active" and not slots.confirmed else ""
        show(f"{slot:9} {name:24} {origin}{trial}")
    show(f"{'factory':9} {', '.join(shipped())}; choose one with --factory NAME")
    return 0


def _choose_factory(config: Config, name: str) -> None:
    from tombola_device.daemon.status import Lock
    from tombola_device.factory import choose
    from tombola_device.slots.store import Store

    if config.factory:
        raise BadConfig(f"the configuration names the bundle {config.factory}; remove `factory` from it to choose one")
    with Lock(config.state_path):  # A running daemon keeps the slots in memory and would write them back.
        choose(name, config.state_path)
        Store(config.slots_path, lambda _: None).play_factory()


def _owners(options: argparse.Namespace) -> int:
    from tombola_device.daemon.status import Lock
    from tombola_device.slots.owner import OWNERS_FILE, Owner

    config = read_config(options.config)
    owner = Owner(config.state_path / OWNERS_FILE, config.unsigned)
    if options.forget:
        if options.forget not in {key.fingerprint for key in owner.keys}:
            raise BadConfig(f"no owner has the fingerprint {options.forget}; tombolad owners shows those there are")
        with Lock(config.state_path):  # A running daemon keeps its owners in memory and would write them back.
            owner.remove(options.forget)
        show(f"forgot {options.forget}")
        return 0
    if options.json:
        facts = [{"fingerprint": key.fingerprint, "label": key.label, "key": key.key} for key in owner.keys]
        show(msgspec.json.encode({"owners": facts, "unsigned": config.unsigned}).decode())
        return 0
    for key in owner.keys:
        show(f"{key.fingerprint}  {key.label}")
    if not owner.keys:
        show("no owners; hold SHIFT and SAVE for 3 s, then: tombola pair")
    if config.unsigned == "allow":
        show('unsigned bundles are taken from anybody (unsigned = "allow")')
    return 0


def _status(options: argparse.Namespace) -> int:
    from tombola_device.daemon.status import read_status

    status = read_status(read_config(options.config).state_path)
    if options.json:
        show(msgspec.json.encode(status).decode())
        return 0
    if not status.bundle:
        show(f"bundle  none; {status.doing}{f' on {status.serial}' if status.serial else ''}")
        show(f"input   {', '.join([*status.midi, status.panel]).strip(', ') or 'none'}")
        return 0
    blend = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(status.modes, status.blend, strict=False))
    show(f"bundle  {status.bundle} {status.sha256[:12]}{'' if status.confirmed else ' (on trial)'}")
    show(f"sound   {status.audio}, {status.sounding} of {status.voices} voices, peak {status.peak_db:.0f} dBFS")
    show(f"blend   {blend}")
    show(f"input   {', '.join([*status.midi, status.panel, status.serial]).strip(', ') or 'none'}")
    if status.lost:
        show("card    unplugged; the sound comes back with it")
    if status.voice_limit < status.voices:
        show(f"voices  only {status.voice_limit}: {'too much to do' if status.slimmed else 'as many as fit here'}")
    if status.latency_max_ms:
        show(f"latency {status.latency_p50_ms:.1f} ms median, {status.latency_max_ms:.1f} ms at most")
    show(f"load    {status.load_p50_us:.0f} µs median, {status.load_p99_us:.0f} µs 99 %, {status.xruns} xruns")
    if status.fault:
        show(f"fault   {status.fault}")
    return 0


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    # SIGHUP: the terminal was closed.
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP.
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    return stop


def _panel(options: argparse.Namespace) -> int:
    from tombola_device.daemon.relay import show_panel

    log_plainly()
    code = options.code
    if not code:
        show("code on the instrument's display (settings, page: open; then about): ", sys.stderr, end="")
        code = sys.stdin.readline().replace(" ", "").strip()
    config, stop = read_config(options.config), _stopped_by_signals()
    show_panel(config, options.serial, code, stop, show, port=options.port, show=not options.no_open)
    return 0


def _selftest(options: argparse.Namespace) -> int:
    from tombola_device.daemon import selftest
    from tombola_device.hal.panel.pins import load_pin_map

    def ask(question: str) -> str:
        show(question, sys.stderr, end="")
        answer = sys.stdin.readline()
        if not answer:
            raise BadConfig("the self test asks at the terminal, which has ended; start it again at one")
        return answer

    def say(line: str) -> None:
        show(line, sys.stderr)

    chosen = selftest.chosen_steps(load_pin_map(), options.step)
    with selftest.open_bench(read_config(options.config), selftest.AtTerminal(say, ask)) as bench:
        report = selftest.walk(bench, chosen, lambda verdict: say(selftest.line_of(verdict)))
    for line in [msgspec.json.encode(report).decode()] if options.json else report.lines:
        show(line)
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
