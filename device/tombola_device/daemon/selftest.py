"""``tombolad selftest``: walks through the bring-up with patch cables, and gives a verdict on each circuit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import msgspec

from tombola_device.config import Config
from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.daemon.console import REAL_PANELS
from tombola_device.daemon.selftest_checks import Bench, Builder, Finding
from tombola_device.daemon.selftest_steps import Step, steps
from tombola_device.daemon.status import Lock
from tombola_device.hal.audio.open import open_audio
from tombola_device.hal.midi.din import open_uart
from tombola_device.hal.panel.open import open_panel
from tombola_device.hal.panel.pins import PinMap, load_pin_map
from tombola_device.surface.calibration import nominal_lines
from tombola_device.surface.oled.face import open_chips
from tombola_device.surface.volts import Calibration, Voltmeter

WORDS: Final = {True: "good", False: "BAD", None: "not tested"}


class Verdict(msgspec.Struct, frozen=True):
    """What a step found about its circuit.

    Args:
        step: Number in the table of the bring-up.
        do: What the builder did.
        circuit: What was tested.
        good: None: it could not be tested.
        found: What was measured.
    """

    step: int
    do: str
    circuit: str
    good: bool | None
    found: str


class Report(msgspec.Struct, frozen=True):
    """The verdicts of one run on a board."""

    board: str
    verdicts: list[Verdict]

    @property
    def good(self) -> bool:
        """Whether no circuit is bad and at least one was tested."""
        found = [verdict.good for verdict in self.verdicts]
        return False not in found and True in found

    @property
    def lines(self) -> list[str]:
        """The report for people."""
        lines = [line_of(verdict) for verdict in self.verdicts]
        counts = [sum(verdict.good is good for verdict in self.verdicts) for good in WORDS]
        total = ", ".join(f"{count} {word}" for count, word in zip(counts, WORDS.values(), strict=True))
        return [f"self test of {self.board}", *lines, total]


def line_of(verdict: Verdict) -> str:
    """One verdict as a line."""
    return f"{verdict.step:2} {WORDS[verdict.good]:10} {verdict.circuit}: {verdict.found}"


def chosen_steps(pins: PinMap, numbers: Sequence[int]) -> list[Step]:
    """The steps with these numbers; all of them if there is none.

    Raises:
        BadConfig: There is no step with that number.
    """
    found = list(steps(pins))
    for number in numbers:
        if number not in {step.number for step in found}:
            raise BadConfig(f"the self test has no step {number}; give one of 1 to {found[-1].number}")
    return [step for step in found if not numbers or step.number in numbers]


def walk(bench: Bench, chosen: Sequence[Step], report: Callable[[Verdict], None]) -> Report:
    """Walk through steps; ``report`` takes each verdict as it comes. What does not answer is a bad circuit."""
    verdicts = []
    for step in chosen:
        bench.builder.ready(f"step {step.number}: {step.do}")
        bench.panel.read()  # What moved while the cables were patched does not count.
        try:
            finding = step.check.find(bench)
        except (DeviceUnavailable, OSError) as error:
            finding = Finding(False, str(error))  # noqa: FBT003 - as declared
        verdicts.append(Verdict(step.number, step.do, step.circuit, finding.good, finding.said))
        report(verdicts[-1])
    return Report(bench.panel.name, verdicts)


@contextmanager
def open_bench(config: Config, builder: Builder) -> Iterator[Bench]:
    """Open what a configuration names; no daemon may run meanwhile.

    Raises:
        DeviceUnavailable: There is no panel, or a daemon uses it.
        BadConfig: A name cannot be understood.
    """
    with ExitStack() as stack:
        lock = Lock(config.state_path)
        stack.enter_context(lock)
        pins, panel = load_pin_map(), open_panel(config.panel)
        if panel is None:
            raise DeviceUnavailable('the self test needs the board; set panel to "gpio"')
        stack.callback(panel.close)
        display, lights = open_chips(pins, real=config.panel in REAL_PANELS)
        if display is not None:
            stack.callback(display.close)
        uart = None
        if config.midi_serial:
            try:
                uart = open_uart(config.midi_serial)
            except OSError as error:
                raise DeviceUnavailable(
                    f"{config.midi_serial} cannot be opened ({error}); check midi_serial"
                ) from error
            stack.callback(uart.close)
        sink = open_audio(config.audio, config.buffer_periods, config.state_path / "selftest.wav")
        stack.callback(sink.close)
        voltmeter = Voltmeter(nominal_lines(pins), Calibration())
        yield Bench(panel, voltmeter, builder, lights, uart, sink, time.monotonic, time.sleep)


class AtTerminal:
    """The builder at the terminal."""

    def __init__(self, say: Callable[[str], None], ask: Callable[[str], str]) -> None:
        self._say, self._ask, self._told = say, ask, ""

    def ready(self, told: str) -> None:
        """See Builder."""
        if told != self._told:
            self._told = told
            self._ask(f"{told}; then press Enter ")

    def sees(self, question: str) -> bool:
        """See Builder."""
        while (answer := self._ask(f"{question} (y/n) ").strip().lower()[:1]) not in ("y", "n"):
            self._say("answer y or n")
        return answer == "y"
