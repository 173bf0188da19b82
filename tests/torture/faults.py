"""Faults of the instrument's edges, enumerated from the Protocols: a new call of the HAL is tortured when it is there.

Edge    a method of a Protocol: ``Converter.read``, ``Files.rename``
Fault   what that call does, from its n-th call on: it fails once, fails for a second, fails when its work is done,
        returns garbage once or for a second, or takes a third of a second
Tap     stands before an object of the rig and passes its calls on, unless a fault is due
"""

from __future__ import annotations

import errno
import importlib
import inspect
import pkgutil
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import tombola_device
from tombola_device.contract import errors
from tombola_device.contract.errors import TombolaError

FOLDERS = ("hal", "disk", "flash", "surface.oled", "audio.client")
"""Where Protocols stand for something outside the control process."""
EXEMPT = {
    "_Pcm": "ALSA's own: behind AudioOut",
    "Chip": "the chips of the fake bus: behind I2cBus",
    "Errands": "a thread of our own; its work is Files",
    "Worker": "a thread of our own; its work is Files",
    "SpiDevice": "the bits of a converter chip: behind Converter",
    "Readings": "PanelIn: behind Panel",
    "VoltagesOut": "the DAC: behind I2cBus",
}
UNUSED: frozenset[Edge] = frozenset()
PLAIN = ("name", "done", "lost", "ready", "alive")
"""Attributes that the objects keep in memory; reading one cannot fail."""
KINDS = ("once", "second", "late", "garbage", "babble", "slow")
WINDOW_S = 1.0
SLOW_S = 0.3
CHANGES_FILES = ("make_folder", "append", "write", "sync", "rename", "remove", "sync_folder")


@cache
def protocols() -> dict[str, type]:
    """Every Protocol of FOLDERS, by name."""
    modules = []
    for folder in FOLDERS:
        module = importlib.import_module(f"tombola_device.{folder}")
        paths = getattr(module, "__path__", [])
        names = [info.name for info in pkgutil.walk_packages(paths, f"{module.__name__}.")]
        modules += [module, *map(importlib.import_module, names)]
    members = [(module, name, kind) for module in modules for name, kind in vars(module).items()]
    return {
        name: kind
        for module, name, kind in members
        if inspect.isclass(kind) and getattr(kind, "_is_protocol", False) and kind.__module__ == module.__name__
    }


@cache
def methods(protocol: type) -> dict[str, Callable[..., Any]]:
    """The methods and properties that a Protocol declares."""
    declared = {name: value.fget if isinstance(value, property) else value for name, value in vars(protocol).items()}
    return {name: value for name, value in declared.items() if inspect.isfunction(value) and name[0] != "_"}


@dataclass(frozen=True, order=True)
class Edge:
    """A method of a Protocol."""

    protocol: str
    method: str

    def __str__(self) -> str:
        return f"{self.protocol}.{self.method}"


@dataclass(frozen=True)
class Fault:
    """What an edge does, from its call number ``after`` on (0: the next)."""

    edge: Edge
    kind: str
    after: int = 0

    def __str__(self) -> str:
        return f"{self.edge} {self.kind} after {self.after}"


def declared_errors(edge: Edge) -> list[Exception]:
    """The errors that the Protocol's docstrings allow; without any, one that nobody expects."""
    protocol = protocols()[edge.protocol]
    method = methods(protocol)[edge.method]
    said = method.__doc__ or ""
    raises = said.partition("Raises:")[2]
    names = [line.strip().partition(":")[0] for line in raises.splitlines() if ":" in line]
    made: list[Exception] = []
    for name in names:
        kind = getattr(errors, name, None)
        if inspect.isclass(kind) and issubclass(kind, TombolaError):
            made.append(kind("the rig breaks it; mend it"))
    if made:
        return made
    if edge.protocol == "Files":
        return [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EIO, "Input/output error")]
    if edge.protocol == "MidiBackend":
        return [RuntimeError("the rig breaks it")]
    return [OSError(errno.EIO, "Input/output error")]


def kinds_of(edge: Edge) -> tuple[str, ...]:
    """The kinds of faults that mean something at an edge."""
    writes = methods(protocols()[edge.protocol])[edge.method].__annotations__.get("return") == "None"
    if edge.protocol == "Files" and edge.method in CHANGES_FILES:
        return ("once", "second", "late")  # A disk that says that it has written and has not is broken for good.
    return KINDS if not writes else ("once", "second", "late", "garbage", "babble", "slow")


@dataclass
class Plan:
    """Which faults are due. All taps of a rig share one."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    calls: Counter[Edge] = field(default_factory=Counter)
    fired: dict[Fault, float] = field(default_factory=dict)
    _armed: list[tuple[Fault, int]] = field(default_factory=list)

    def arm(self, *faults: Fault) -> None:
        """Let these faults happen."""
        self._armed += [(fault, self.calls[fault.edge] + fault.after) for fault in faults]

    def disarm(self) -> None:
        """End all faults."""
        self._armed.clear()
        self.fired.clear()

    @property
    def busy(self) -> bool:
        """Whether a fault is going on."""
        now_s = self.clock()
        return any(0 <= now_s - began_s < WINDOW_S for fault, began_s in self.fired.items() if lasts(fault))

    def call(self, edge: Edge, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function, unless a fault is due."""
        number = self.calls[edge]
        self.calls[edge] += 1
        for fault, first in self._armed:
            if fault.edge == edge and number >= first and self._due(fault):
                return self._break(fault, function, *arguments, **options)
        return function(*arguments, **options)

    def _due(self, fault: Fault) -> bool:
        began_s = self.fired.setdefault(fault, self.clock())
        first = began_s == self.clock() and (fault, began_s) not in self._seen
        self._seen.add((fault, began_s))
        return first or (lasts(fault) and 0 <= self.clock() - began_s < WINDOW_S)

    def _break(self, fault: Fault, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if fault.kind in ("once", "second"):
            raise self.rng.choice(declared_errors(fault.edge))
        if fault.kind == "slow":
            self.sleep(SLOW_S)
            return function(*arguments, **options)
        if fault.kind == "late":
            if fault.edge == Edge("Files", "append") or fault.edge == Edge("Files", "write"):
                path, data = arguments
                function(path, data[: self.rng.randrange(len(data) + 1)])
            else:
                function(*arguments, **options)
            raise self.rng.choice(declared_errors(fault.edge))
        annotation = methods(protocols()[fault.edge.protocol])[fault.edge.method].__annotations__.get("return", "None")
        if annotation == "None":
            return None  # The call is lost.
        return garbage(annotation, function(*arguments, **options), self.rng)

    _seen: set[tuple[Fault, float]] = field(default_factory=set)


def lasts(fault: Fault) -> bool:
    """Whether the fault goes on for a second."""
    return fault.kind in ("second", "babble")


def garbage(annotation: str, value: Any, rng: random.Random) -> Any:
    """Something of the type of ``value`` that is not it."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, bytes):
        return rng.choice([b"", rng.randbytes(len(value) or 64), value[: len(value) // 2], flipped(value, rng)])
    if isinstance(value, int):
        return rng.choice([0, -1, 4095, 65_535, rng.randrange(4096)])
    if annotation == "list[MidiMessage]":
        return [messages(rng) for _ in range(rng.randrange(1, 20))]
    if annotation == "list[KeyPress]":
        return [strange_key(rng) for _ in range(rng.randrange(1, 20))]
    if annotation == "list[str]":
        return rng.choice([[], ["\0", "a port\n" * 3], [*value, ""]])
    if annotation == "PanelState":
        return strange_reading(value, rng)
    return value


def messages(rng: random.Random) -> tuple[int, ...]:
    """A message as a line that is disturbed may give: of any length and any bytes."""
    return tuple(rng.choice([rng.randrange(128), rng.randrange(256)]) for _ in range(rng.choice([0, 1, 2, 3, 3, 3, 5])))


def strange_key(rng: random.Random) -> Any:
    """A key that nobody has pressed, or that no keyboard has."""
    from tombola_device.hal.keyboard.port import KeyPress, Stroke

    names = ("z", "q", "p", "left", "up", "tab", "space", "backspace", ".", "", "\0", "a key")
    return KeyPress(rng.choice(names), rng.choice(list(Stroke)), rng.random() < 0.5, rng.choice(["", "q", "??"]))


def strange_reading(state: Any, rng: random.Random) -> Any:
    """A reading of the panel with other knobs, voltages, edges and turns."""
    from dataclasses import replace

    from tombola_device.hal.panel.port import BUTTONS, GATES
    from tombola_device.hal.panel.port import Edge as Changed

    names = (*GATES, *BUTTONS, "NO_PIN")
    edges = tuple(
        Changed(rng.choice(names), rng.random() < 0.5, rng.choice([0.0, -5.0, 1e9, rng.random() * 1e3]))
        for _ in range(rng.randrange(8))
    )
    return replace(
        state,
        knobs=tuple(rng.random() for _ in state.knobs),
        voltages={name: rng.choice([0.0, 1.0, rng.random()]) for name in state.voltages},
        edges=edges,
        turns=rng.randrange(-5, 6),
    )


def flipped(data: bytes, rng: random.Random) -> bytes:
    """With one bit flipped."""
    if not data:
        return b"\xff"
    changed = bytearray(data)
    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


class Tap:
    """Stands before an object: calls of its Protocol pass through a plan, all else goes on to it."""

    def __init__(self, target: Any, protocol: type, plan: Plan) -> None:
        self._target, self._protocol, self._plan = target, protocol, plan
        self._methods = methods(protocol)

    def __getattr__(self, name: str) -> Any:
        target, plan = self._target, self._plan
        if name not in self._methods or name in PLAIN:
            return getattr(target, name)
        edge = Edge(self._protocol.__name__, name)
        if isinstance(vars(self._protocol)[name], property):
            return plan.call(edge, lambda: getattr(target, name))
        function = getattr(target, name)

        def call(*arguments: Any, **options: Any) -> Any:
            return plan.call(edge, function, *arguments, **options)

        self.__dict__[name] = call  # Found at once the next time.
        return call

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            setattr(self._target, name, value)


def edges() -> Iterator[Edge]:
    """Every edge, but those of EXEMPT."""
    for name, protocol in sorted(protocols().items()):
        if name not in EXEMPT:
            for method in sorted(methods(protocol)):
                if method not in PLAIN:
                    yield Edge(name, method)


@cache
def clocks() -> list[str]:
    """The clocks that the instrument's programs read."""
    import ast

    found = set()
    for path in Path(tombola_device.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time":
                found.add(node.attr)
    return sorted(found - {"sleep"})
