"""What one ONNX graph of a bundle is: its ports, when it runs, how much sound a run makes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import PERIOD_SAMPLES, SCALAR_COLUMNS
from tombola_device.contract.errors import BadBundle

STATE_BEFORE, STATE_AFTER = "state", "_out"
"""How the names of a graph's tensors of state begin, and how the name of what becomes of each ends."""
UNREAD = "unread"
"""An input (V, 1) that a graph may have and not read; it needs no port."""
FRAME, ONSET = "frame", "onset"
"""Roles of a graph that runs for each block and of one that runs for each onset, where a bundle has one of them."""
ONSET_COLUMNS = ("note", "velocity", "timbre_x", "timbre_y")
"""What is known when a note begins. A graph that runs once for each onset takes any of these."""
TIMBRE = ("timbre_x", "timbre_y")
"""Columns whose range is each mode's own."""
MAX_STATE, MAX_NOISE_BANDS = 65_536, 256
MAX_HIT_SAMPLES = 1 << 18
"""5.46 s, 1 MiB: each voice has memory for two hits."""

Role = Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^[a-z][a-z0-9_]*$")]
Column = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9_]*$")]
Axis = Annotated[int, Meta(ge=1, le=MAX_HIT_SAMPLES)]
PortKind = Literal["controls", "motion", "level", "noise", "state", "audio", "overlap"]


class Port(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor that goes into a graph or comes out of it, float32.

    Args:
        name: Of the tensor. For ``state``, how the names of its tensors begin: there may be any number.
        kind: ``controls``: the graph's columns, then the blend weight of each of its modes. ``motion``: phase, pace
            before and pace after, as ``engine.motion`` keeps them; ``level``: RMS amplitude, likewise. ``noise``: noise
            bands of this period, or of a graph with ``overlap`` this period's fading in and the next one's fading out.
            ``state``: what is carried from block to block; for each tensor of it there is an output of the same shape
            whose name ends with ``_out``; zeros are a voice at rest. ``audio``: the sound of the block, or of the whole
            hit. ``overlap``: sound that is added to this period and the next.
        shape: Without the voices' axis, which is first and free. Axes of length 1 may stand anywhere and mean nothing.
            ``state``: how many numbers its tensors have together.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^\w+$")]
    kind: PortKind
    shape: Annotated[list[Axis], Meta(max_length=4)]

    @property
    def size(self) -> int:
        """How many numbers it has for each voice."""
        return math.prod(self.shape)


class Graph(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ONNX graph, V voices in the first axis of each tensor.

    Args:
        ports: What goes in and comes out.
        rate: ``block``: it runs for each block and makes the block's sound. ``onset``: it runs once when a note begins
            and makes the whole of its sound.
        block_samples: How much one run makes.
        delay_samples: By how much its sound is later than that of the network that it was exported from.
        precision: In what it computes.
        columns: The columns of ``controls`` before the blend weights of its modes.
    """

    ports: Annotated[list[Port], Meta(min_length=2, max_length=16)]
    rate: Literal["block", "onset"] = "block"
    block_samples: Annotated[int, Meta(ge=1, le=MAX_HIT_SAMPLES)] = PERIOD_SAMPLES
    delay_samples: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    precision: Literal["float32"] = "float32"
    columns: Annotated[list[Column], Meta(max_length=32)] = msgspec.field(default_factory=lambda: list(SCALAR_COLUMNS))

    def port(self, kind: PortKind) -> Port | None:
        """The port of that kind, if it has one."""
        return next((port for port in self.ports if port.kind == kind), None)

    @property
    def state_size(self) -> int:
        """Numbers that each voice carries from block to block."""
        port = self.port("state")
        return 0 if port is None else port.size

    @property
    def noise_bands(self) -> int:
        """Noise bands that go in."""
        port = self.port("noise")
        return 0 if port is None else math.prod(port.shape[:-1])

    @property
    def overlap(self) -> bool:
        """Whether what it makes in one period sounds on into the next."""
        return self.port("overlap") is not None

    @property
    def motion(self) -> bool:
        """Whether it asks for phase and level."""
        return self.port("motion") is not None


def block_graph(
    modes: int, state_size: int = 0, noise_bands: int = 0, *, overlap: bool = False, motion: bool = False
) -> Graph:
    """A graph of M modes that makes one period of sound each period from all columns."""
    noise_samples = 2 * PERIOD_SAMPLES if overlap else PERIOD_SAMPLES
    ports = [Port("controls", "controls", [len(SCALAR_COLUMNS) + modes])]
    if motion:
        ports += [Port("motion", "motion", [3]), Port("level", "level", [1])]
    if noise_bands:
        ports.append(Port("noise", "noise", [noise_bands, noise_samples]))
    if state_size:
        ports.append(Port(STATE_BEFORE, "state", [state_size]))
    ports.append(Port("audio", "audio", [PERIOD_SAMPLES]))
    if overlap:
        ports.append(Port("overlap", "overlap", [2 * PERIOD_SAMPLES]))
    return Graph(ports)


def onset_graph(modes: int, samples: int, columns: tuple[str, ...] = ONSET_COLUMNS) -> Graph:
    """A graph of M modes that makes a whole hit when a note begins."""
    ports = [Port("controls", "controls", [len(columns) + modes]), Port("audio", "audio", [samples])]
    return Graph(ports, rate="onset", block_samples=samples, columns=list(columns))


def check_ports(role: str, graph: Graph, modes: int) -> None:
    """Check that a graph of M modes declares what one of its rate can have, within limits, before anything is loaded.

    Raises:
        BadBundle: It does not.
    """
    if not modes:
        raise BadBundle(f"the graph {role!r} renders no mode; export the bundle again")
    allowed: dict[str, list[int]] = {"controls": [len(graph.columns) + modes], "audio": [graph.block_samples]}
    if graph.rate == "block":
        window = 2 * graph.block_samples if graph.overlap else graph.block_samples
        allowed |= {
            "motion": [3],
            "level": [],
            "noise": [min(graph.noise_bands, MAX_NOISE_BANDS), window],
            "state": [min(graph.state_size, MAX_STATE)],
            "overlap": [2 * graph.block_samples],
        }
    kinds = [port.kind for port in graph.ports]
    for port in graph.ports:
        possible = port.kind in allowed and long_axes(port.shape) == long_axes(allowed[port.kind])
        if kinds.count(port.kind) > 1 or not possible:
            raise BadBundle(
                f"the port {port.name!r} of the graph {role!r} is {port.kind} of shape {port.shape}, which a graph "
                f"that runs once a {graph.rate} for {modes} mode(s) cannot have; export again"
            )
    if not {"controls", "audio"} <= set(kinds) or ("motion" in kinds) != ("level" in kinds):
        raise BadBundle(f"the graph {role!r} has the ports {', '.join(kinds)}, which do not suffice; export again")


def long_axes(shape: Sequence[int | str | None]) -> tuple[int | str | None, ...]:
    """All axes but those of length 1."""
    return tuple(axis for axis in shape if axis != 1)
