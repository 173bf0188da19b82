"""What the self test measures: each check is data, and finds out whether its circuit is good."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.audio.port import AudioOut
from tombola_device.hal.midi.din import Uart
from tombola_device.hal.panel.port import GATES, Panel, PanelState
from tombola_device.surface.oled.face import CHANNELS, Lights
from tombola_device.surface.volts import Voltmeter

READ_S: Final = 0.001
SETTLE_S: Final = 0.06
"""A step at an input is within a thousandth after 25 of its readings, 42 ms."""
ANSWER_S: Final = 0.1
PATIENCE_S: Final = 30.0
"""How long a check waits for the builder's hand."""
DETENTS: Final = 30
MIDI_BYTES: Final = bytes((0x90, 0x3C, 0x40))
SINE_HZ: Final = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; ``good`` is None where it could not be made."""

    good: bool | None
    said: str


class Builder(Protocol):
    """Who patches cables and looks at lamps.

    >>> class Satisfied:
    ...     def ready(self, told): pass
    ...     def sees(self, question): return True
    >>> builder: Builder = Satisfied()
    >>> builder.sees("are all lamps dark?")
    True
    """

    def ready(self, told: str) -> None:
        """Say what to patch and to do; return when the cables are in."""

    def sees(self, question: str) -> bool:
        """Ask what only eyes and ears can tell."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What the checks work with; None: this computer or its configuration has no such thing.

    Args:
        panel: The panel.
        voltmeter: With the lines that the circuit should have.
        builder: Who patches and looks.
        lights: The driver of the lamps.
        uart: The MIDI sockets.
        sink: The sound card.
        clock: Seconds.
        sleep: Waits for seconds.
    """

    panel: Panel
    voltmeter: Voltmeter
    builder: Builder
    lights: Lights | None
    uart: Uart | None
    sink: AudioOut | None
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def states(self, seconds: float) -> Iterator[PanelState]:
        """Read the panel a thousand times a second."""
        end_s = self.clock() + seconds
        while self.clock() < end_s:
            self.sleep(READ_S)
            yield self.read()

    def read(self) -> PanelState:
        """Read the panel.

        Raises:
            DeviceUnavailable: The converters do not answer.
        """
        state = self.panel.read()
        if state.fault:
            raise DeviceUnavailable(state.fault)
        return state

    def volts(self, name: str) -> float:
        """Volts at an input when it has settled."""
        *_, state = self.states(SETTLE_S)
        return self.voltmeter.of(name, state.voltages[name])


class Check(Protocol):
    """One measurement.

    >>> class Never:
    ...     def find(self, bench): return Finding(None, "not made")
    >>> check: Check = Never()
    >>> check.find(None).good is None
    True
    """

    def find(self, bench: Bench) -> Finding:
        """Measure.

        Raises:
            DeviceUnavailable: The panel, the lamps or the card do not answer.
            OSError: The UART does not answer.
        """


def _within(parts: list[tuple[str, float, float]], most_off: float) -> Finding:
    """Finding over (name, wanted, measured) in volts."""
    said = "; ".join(f"{name}: wanted {wanted:.2f} V, is {found:.2f}" for name, wanted, found in parts)
    return Finding(all(abs(found - wanted) <= most_off for _, wanted, found in parts), said)


@dataclass(frozen=True, slots=True)
class Sees:
    """What the builder sees and hears."""

    question: str

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        seen = bench.builder.sees(self.question)
        return Finding(seen, f"{self.question} {'yes' if seen else 'no'}")


@dataclass(frozen=True, slots=True)
class Rests:
    """Unpatched inputs stand at 0 V."""

    names: tuple[str, ...]
    most_off_volts: float

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        return _within([(name, 0.0, bench.volts(name)) for name in self.names], self.most_off_volts)


@dataclass(frozen=True, slots=True)
class Follows:
    """An input reads the volts that the output at the other end of the cable is set to."""

    output: str
    name: str
    volts: tuple[float, ...]
    most_off_volts: float

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        found = []
        for wanted in self.volts:
            bench.panel.set_voltages({self.output: bench.voltmeter.share(self.output, wanted)})
            found.append((self.name, wanted, bench.volts(self.name)))
        bench.panel.set_voltages({self.output: bench.voltmeter.share(self.output, 0.0)})
        return _within(found, self.most_off_volts)


@dataclass(frozen=True, slots=True)
class FollowsGate:
    """A gate input follows the gate output, and no other one does."""

    name: str

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        seen = []
        for high in (True, False):
            bench.panel.set_gate(high=high)
            edges = [edge for state in bench.states(ANSWER_S) for edge in state.edges if edge.name in GATES]
            seen += [(edge.name, edge.high) for edge in edges]
        words = ", ".join(f"{name} {'rose' if high else 'fell'}" for name, high in seen) or "nothing moved"
        return Finding(seen == [(self.name, True), (self.name, False)], words)


@dataclass(frozen=True, slots=True)
class Echoes:
    """The MIDI sockets give back what was sent."""

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        if bench.uart is None:
            return Finding(None, "midi_serial names no UART")
        bench.uart.read(4096)
        bench.uart.write(MIDI_BYTES)
        bench.sleep(ANSWER_S)
        found = bench.uart.read(4096)
        return Finding(found == MIDI_BYTES, f"sent {MIDI_BYTES.hex(' ')}, came back {found.hex(' ') or 'nothing'}")


@dataclass(frozen=True, slots=True)
class Swings:
    """An input follows a sine of full scale at a sound output, both ways."""

    name: str
    volts: float
    most_off_volts: float

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        if bench.sink is None:
            return Finding(None, "this computer has no sound card")
        found: list[float] = []
        bench.panel.set_mute(muted=False)
        for period in range(math.ceil(2 * SAMPLE_RATE_HZ / SINE_HZ / PERIOD_SAMPLES)):
            times_s = (period * PERIOD_SAMPLES + np.arange(PERIOD_SAMPLES)) / SAMPLE_RATE_HZ
            bench.sink.wait()
            bench.sink.write(np.sin(2 * np.pi * SINE_HZ * times_s).astype(np.float32))
            found.append(bench.voltmeter.of(self.name, bench.read().voltages[self.name]))
        bench.panel.set_mute(muted=True)
        parts = [("lowest", -self.volts, min(found)), ("highest", self.volts, max(found))]
        return _within(parts, self.most_off_volts)


@dataclass(frozen=True, slots=True)
class Turns:
    """A knob goes from its left stop, 0, to its right stop, 1."""

    knob: int

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        lowest, then = 1.0, 0.0
        for state in bench.states(PATIENCE_S):
            position = state.knobs[self.knob]
            if position < lowest:
                lowest, then = position, position
            then = max(then, position)
            if lowest <= 0.01 and then >= 0.99:
                break
        return Finding(lowest <= 0.01 and then >= 0.99, f"from {lowest:.2f} to {then:.2f}")


@dataclass(frozen=True, slots=True)
class Clicks:
    """A turn of the encoder to the right is thirty detents."""

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        clicks = 0
        for state in bench.states(PATIENCE_S):
            clicks += state.turns
            if clicks >= DETENTS:
                break
        clicks += sum(state.turns for state in bench.states(ANSWER_S))
        return Finding(clicks == DETENTS, f"{clicks} detents of {DETENTS}")


@dataclass(frozen=True, slots=True)
class Pushes:
    """A button goes down and up, and no other one does."""

    name: str

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        seen: list[tuple[str, bool]] = []
        for state in bench.states(PATIENCE_S):
            seen += [(edge.name, edge.high) for edge in state.edges if edge.name not in GATES]
            if seen and not seen[-1][1]:
                break
        names = {name for name, _ in seen}
        good = names == {self.name} and seen[0][1] and not seen[-1][1]
        return Finding(good, f"{', '.join(sorted(names)) or 'nothing'} moved")


@dataclass(frozen=True, slots=True)
class Shines:
    """One die of one lamp shines, and nothing else."""

    channel: int
    words: str

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        silent = Finding(None, "the driver of the lamps does not answer")
        if bench.lights is None:
            return silent
        try:
            bench.lights.show([float(channel == self.channel) for channel in range(CHANNELS)])
        except DeviceUnavailable:
            return silent
        finding = Sees(f"does {self.words} shine, and no other?").find(bench)
        bench.lights.show([0.0] * CHANNELS)
        return finding


@dataclass(frozen=True, slots=True)
class ComesAndGoes:
    """What the panel tells (``usb``, ``power_fails``) comes and goes."""

    field: str

    def find(self, bench: Bench) -> Finding:
        """See Check."""
        seen: list[bool] = []
        for state in bench.states(PATIENCE_S):
            now = bool(getattr(state, self.field))
            if not seen or seen[-1] != now:
                seen.append(now)
            if seen[-2:] == [True, False]:
                break
        words = ", ".join("there" if there else "not there" for there in seen)
        return Finding(seen[-2:] == [True, False], words)
