"""The description of one ONNX graph in a bundle: its ports, when it runs, how much sound one run makes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import PERIOD_SAMPLES, SCALAR_COLUMNS
from tombola_device.contract.errors import BadBundle

STATE_BEFORE, STATE_AFTER = "state", "_out"
"""The names of state inputs begin with the first; each output is named like its input, with the second at the end."""
UNREAD = "unread"
"""A graph may have an input (V, 1) of this name that it does not read; the input needs no port."""
FRAME, ONSET = "frame", "onset"
"""Usual roles: of a graph that runs for each block, and of a graph that runs for each onset."""
ONSET_COLUMNS = ("note", "velocity", "timbre_x", "timbre_y")
"""The controls that are known when a note begins. A graph that runs once for each onset may use any of them."""
TIMBRE = ("timbre_x", "timbre_y")
"""Columns with a range of their own in each mode."""
SHADES = (*TIMBRE, "dynamics")
"""The first directions of a mode's shade: timbre X and Y, -1 … 1, and how much louder than the mode's recordings a note
is played, in units of SHADE_DB. The directions of its life follow."""
SHADE_DB = 10.0
MAX_DIRECTIONS, MAX_STRIKES = 32, 32
MAX_STATE, MAX_NOISE_BANDS = 65_536, 256
MAX_HIT_SAMPLES = 1 << 18
"""5.46 s, 1 MiB; each voice has memory for two hits."""

Shades = TypeVar("Shades", bound=Any)
"""An array or a tensor."""
Role = Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^[a-z][a-z0-9_]*\Z")]
Column = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9_]*\Z")]
Axis = Annotated[int, Meta(ge=1, le=MAX_HIT_SAMPLES)]
PortKind = Literal["controls", "motion", "level", "noise", "shade", "state", "audio", "overlap"]


class Port(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor that is an input or output of a graph, float32.

    Args:
        name: Name of the tensor. For ``state``: how the names of its tensors begin; there may be any number of them.
        kind: ``controls``: the graph's columns, then the blend weight of each of its modes. ``motion``: phase, pace
            before and pace after, as in ``engine.motion``; ``level``: RMS amplitude, likewise. ``noise``: the noise
            bands of this period; for a graph with ``overlap``, this period's fading in and the next one's fading out.
            ``shade``: how far the spectrum is moved along the directions of each mode, times the mode's blend weight:
            SHADES of the first mode, of the next …, then the directions of life of the first mode, of the next …, then
            the directions that all modes share.
            ``state``: carried from block to block; each of its tensors has an output of the same shape whose name ends
            with ``_out``; a voice at rest has zeros. ``audio``: the sound of the block, or of the whole hit.
            ``overlap``: sound that is added to this period and the next.
        shape: Without the first axis, which is the voices' and free. Axes of length 1 may stand anywhere and are
            ignored. For ``state``: the number of values in all its tensors.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^\w+\Z")]
    kind: PortKind
    shape: Annotated[list[Axis], Meta(max_length=4)]

    @property
    def size(self) -> int:
        """Number of values for each voice."""
        return math.prod(self.shape)


class Graph(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ONNX graph, V voices in the first axis of each tensor.

    Args:
        ports: Inputs and outputs.
        rate: A ``block`` graph runs for each block and makes that block's sound. An ``onset`` graph runs once when a
            note begins and makes the note's whole sound.
        block_samples: Length of the sound that one run makes.
        delay_samples: How much later the graph's sound is than that of the network that it was exported from.
        precision: Number type of the computation.
        columns: The columns of ``controls`` before the blend weights.
        strikes: How many directions of the shade all modes share: those in which recordings differ.
    """

    ports: Annotated[list[Port], Meta(min_length=2, max_length=16)]
    rate: Literal["block", "onset"] = "block"
    block_samples: Annotated[int, Meta(ge=1, le=MAX_HIT_SAMPLES)] = PERIOD_SAMPLES
    delay_samples: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    precision: Literal["float32"] = "float32"
    columns: Annotated[list[Column], Meta(max_length=32)] = msgspec.field(default_factory=lambda: list(SCALAR_COLUMNS))
    strikes: Annotated[int, Meta(ge=0, le=MAX_STRIKES)] = 0

    def port(self, kind: PortKind) -> Port | None:
        """The port of a kind; None if the graph has none."""
        return next((port for port in self.ports if port.kind == kind), None)

    @property
    def state_size(self) -> int:
        """Number of values that each voice carries from block to block."""
        port = self.port("state")
        return 0 if port is None else port.size

    @property
    def noise_bands(self) -> int:
        """Number of noise bands that the graph reads."""
        port = self.port("noise")
        return 0 if port is None else math.prod(port.shape[:-1])

    @property
    def overlap(self) -> bool:
        """Whether the sound made in one period continues into the next."""
        return self.port("overlap") is not None

    @property
    def directions(self) -> int:
        """Number of directions in which each mode's spectrum can be moved; 0: the graph reads no shade."""
        port, modes = self.port("shade"), self.modes
        return (port.size - self.strikes) // modes if port and modes > 0 else 0

    @property
    def modes(self) -> int:
        """M, the number of its blend weights."""
        controls = self.port("controls")
        return controls.size - len(self.columns) if controls else 0

    @property
    def motion(self) -> bool:
        """Whether the graph reads phase and level."""
        return self.port("motion") is not None


def dynamics_of(shade: Shades, modes: int) -> Shades:
    """The dynamics of each of M modes in a shade. (…, M * K + S) → (…, M)."""
    dynamics: Shades = shade[..., SHADES.index("dynamics") : modes * len(SHADES) : len(SHADES)]
    return dynamics


def block_graph(
    modes: int,
    state_size: int = 0,
    noise_bands: int = 0,
    *,
    overlap: bool = False,
    motion: bool = False,
    directions: int = 0,
    strikes: int = 0,
) -> Graph:
    """A graph of M modes that reads all columns and makes one period of sound in each period."""
    noise_samples = 2 * PERIOD_SAMPLES if overlap else PERIOD_SAMPLES
    ports = [Port("controls", "controls", [len(SCALAR_COLUMNS) + modes])]
    if motion:
        ports += [Port("motion", "motion", [3]), Port("level", "level", [1])]
    if noise_bands:
        ports.append(Port("noise", "noise", [noise_bands, noise_samples]))
    if directions:
        ports.append(Port("shade", "shade", [modes * directions + strikes]))
    if state_size:
        ports.append(Port(STATE_BEFORE, "state", [state_size]))
    ports.append(Port("audio", "audio", [PERIOD_SAMPLES]))
    if overlap:
        ports.append(Port("overlap", "overlap", [2 * PERIOD_SAMPLES]))
    return Graph(ports, strikes=strikes if directions else 0)


def onset_graph(modes: int, samples: int, columns: tuple[str, ...] = ONSET_COLUMNS) -> Graph:
    """A graph of M modes that makes a whole hit when a note begins."""
    ports = [Port("controls", "controls", [len(columns) + modes]), Port("audio", "audio", [samples])]
    return Graph(ports, rate="onset", block_samples=samples, columns=list(columns))


def check_ports(role: str, graph: Graph, modes: int) -> None:
    """Check the ports that a graph of M modes declares: allowed for its rate, and within limits. Nothing is loaded yet.

    Raises:
        BadBundle: A port is not allowed or is missing.
    """
    if not modes:
        raise BadBundle(f"the graph {role!r} renders no mode; export the bundle again")
    allowed: dict[str, list[int]] = {"controls": [len(graph.columns) + modes], "audio": [graph.block_samples]}
    if graph.rate == "block":
        window = 2 * graph.block_samples if graph.overlap else graph.block_samples
        allowed |= {
            "motion": [3],
            "level": [],
            "shade": [modes * graph.directions + graph.strikes],
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
        raise BadBundle(f"the graph {role!r} has only the ports {', '.join(kinds)}; some are missing, so export again")
    if "shade" in kinds and not ("motion" in kinds and len(SHADES) <= graph.directions <= MAX_DIRECTIONS):
        raise BadBundle(
            f"the graph {role!r} has a shade of {graph.directions} directions; {len(SHADES)} to {MAX_DIRECTIONS} are "
            "possible, beside phase and level; export again"
        )
    if graph.strikes and "shade" not in kinds:
        raise BadBundle(f"the modes of the graph {role!r} share {graph.strikes} directions of no shade; export again")


def long_axes(shape: Sequence[int | str | None]) -> tuple[int | str | None, ...]:
    """All axes except those of length 1."""
    return tuple(axis for axis in shape if axis != 1)
