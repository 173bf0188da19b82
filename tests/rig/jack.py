"""MIDI between processes on machines without an ALSA sequencer: a private JACK server without a card, and keyboards.

A keyboard is a process of its own, so that it can vanish like an unplugged keyboard:

    python tests/rig/jack.py NAME     reads lines of messages, "90 3c 40 , 80 3c 00", and answers each with "sent"
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

PATIENCE_S = 20.0
PORT = "keys"
NAMES = tuple(f"tombola-{number}" for number in range(1, 6))
"""JACK keeps a table of eight server names. A killed server stays in it until a server of the same name starts."""


class Jack:
    """A server with a free name of NAMES. Programs use it if JACK_DEFAULT_SERVER has this name.

    Args:
        folder: Folder of the server's log.
        period_samples: Length of its period at 48 kHz.

    Raises:
        OSError: JACK is not installed, or does not start on this machine.
    """

    def __init__(self, folder: Path, period_samples: int = 4096) -> None:
        program = shutil.which("jackd")
        if program is None:
            raise OSError("jackd is not installed; install jackd2")
        # A client that is late by more than a period reads the previous period again and gets messages twice (seen with
        # 11 ms on a busy machine); hence 85 ms. Priority is requested but not needed.
        options = ("-R", "-P", "60", "-p", "64"), ("-d", "dummy", "-r", "48000", "-p", str(period_samples))
        self.log = folder / "jackd.log"
        for self.name in NAMES:
            with self.log.open("w") as log:
                self._process = subprocess.Popen(
                    [program, *options[0], "-n", self.name, *options[1]],
                    stdout=log, stderr=log, env=os.environ | {"JACK_NO_AUDIO_RESERVATION": "1"},
                )  # fmt: skip
            if self._runs():
                return
            self.close()
        why = [line for line in self.log.read_text().splitlines() if line and not line.startswith(("jackdmp", "Copy"))]
        raise OSError(f"jackd does not start here: {'; '.join(why[:2])}")

    def _runs(self) -> bool:
        until_s = time.monotonic() + PATIENCE_S
        while self._process.poll() is None and time.monotonic() < until_s:
            if self._answers():
                time.sleep(0.1)  # Another server may answer instead; then this one is about to end.
                return self._process.poll() is None
            time.sleep(0.05)
        return False

    def _answers(self) -> bool:
        """Whether a client can connect. A child process tries it, because a failed attempt leaves threads behind."""
        code = "import rtmidi; rtmidi.MidiIn(rtapi=rtmidi.API_UNIX_JACK)"
        return not subprocess.run(
            [sys.executable, "-c", code], env=self.environment, capture_output=True, check=False
        ).returncode

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"JACK_DEFAULT_SERVER": self.name}

    def keyboard(self, name: str) -> Keyboard:
        return Keyboard(name, self.environment)

    def close(self) -> None:
        ended = self._process.poll() is not None
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        if not ended:  # Killed clients leave their semaphores.
            for path in Path("/dev/shm").glob(f"jack_sem.*_{self.name}_*"):
                path.unlink(missing_ok=True)


class Keyboard:
    """A process with one output port, ``NAME:keys``."""

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        self.name = f"{name}:{PORT}"
        self._process = subprocess.Popen(
            [sys.executable, __file__, name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip
        self._answer()

    def send(self, *messages: Iterable[int]) -> None:
        """Send messages; return when the process has sent them."""
        line = " , ".join(bytes(message).hex(" ") for message in messages)
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> None:
        if self._process.stdout.readline() != "sent\n":
            raise OSError(f"the keyboard {self.name} ended by itself")

    def unplug(self) -> None:
        """Kill the process, as if the keyboard was unplugged. May be called twice."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def main(name: str) -> None:
    import rtmidi

    port = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name=name)
    port.open_virtual_port(PORT)
    print("sent", flush=True)
    for line in sys.stdin:
        for message in line.split(","):
            port.send_message(bytes.fromhex(message))
        print("sent", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
