"""Runs the engine on an emulated Raspberry Pi and counts its instructions."""

from __future__ import annotations

import itertools
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import tombola_device
from rich.table import Table
from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle
from tombola_device.contract.errors import BadConfig

from tombola_host.cost.arm64 import workload
from tombola_host.cost.arm64.root import LIBRARIES, check_root, pretend

PERIODS: Final = 40
VOICES: Final = (1, 2, 4, 8, 16)
COUNTER: Final = Path(__file__).parent / "counter.c"
PI_4_INSTRUCTIONS: Final = 1.5e9 * 128 / 48_000
"""Per period at one instruction a cycle: 1.5 GHz. ``tombola_device.engine.board`` uses the same figure."""
SHARE: Final = 0.6
"""The part of one core that all voices together may use."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Instructions per period of 128 samples: medians, and their spread.

    Args:
        voices: Number of held notes.
        held: All work of a period, Python and the conversion for the card included.
        moving: The same while the blend changes in every period.
        loop: ``held`` inside the audio process's loop: controls from shared memory, timing, load and status.
        graph: The graph alone, with its phase and level.
        spread: (95 % - 5 %) / median of ``held``.
    """

    voices: int
    held: int
    moving: int
    loop: int
    graph: int
    spread: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Results of a count.

    Args:
        counts: One for each number of voices.
    """

    counts: tuple[Counts, ...]

    @property
    def first(self) -> int:
        """Instructions for one voice."""
        return self.counts[0].held

    @property
    def further(self) -> int:
        """Instructions for each further voice: the slope over all counted numbers of voices."""
        last = self.counts[-1]
        return round((last.held - self.first) / max(last.voices - 1, 1))

    @property
    def voices_on_a_pi_4(self) -> int:
        """Number of voices that 60 % of one core of a Raspberry Pi 4 can play."""
        room = SHARE * PI_4_INSTRUCTIONS - self.first
        return max(1 + int(room // max(self.further, 1)), 0)


def count(bundle: Path, root: Path, cpu: str = "a72", voices: tuple[int, ...] = VOICES) -> Costs:
    """Count the instructions of a bundle.

    Args:
        bundle: A complete bundle's file.
        root: An arm64 tree, see ``root``.
        cpu: ``a72`` (Raspberry Pi 4) or ``a76`` (5).
        voices: Numbers of held notes, rising.

    Raises:
        BadConfig: The tree, qemu or a compiler is missing, or the workload fails in the tree.
    """
    python = check_root(root)
    emulator = shutil.which("qemu-aarch64")
    if emulator is None:
        raise BadConfig("counting arm64 instructions needs qemu-aarch64; install qemu-user (not only -static)")
    name = pretend(root, cpu)
    with tempfile.TemporaryDirectory(prefix="tombola-count-") as folder:
        _build(Path(folder))
        _link(Path(folder), bundle, root)
        command = [emulator, "-cpu", name, "-L", "root", "-plugin", "./counter.so"]
        command += [f"root/{python.relative_to(root)}", "-I", "-S", "workload.py"]
        return Costs(tuple(_count(command, Path(folder), number) for number in voices))


def _build(folder: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BadConfig("counting arm64 instructions needs a C compiler; install gcc")
    plugin = folder / "counter.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(plugin), str(COUNTER)], check=True)


def _link(folder: Path, bundle: Path, root: Path) -> None:
    """Link them under names of one length: the length of a path shifts the memory behind it and the counts by 0.3 %."""
    (folder / "root").symlink_to(root.resolve())
    (folder / "libraries").symlink_to((root / LIBRARIES).resolve())
    (folder / "device").symlink_to(Path(tombola_device.__file__).resolve().parents[1])
    (folder / "workload.py").symlink_to(Path(workload.__file__).resolve())
    (folder / "bundle").symlink_to(bundle.resolve())


def _count(command: list[str], folder: Path, voices: int) -> Counts:
    counts = folder / "counts"
    counts.unlink(missing_ok=True)
    arguments = ["libraries", "device", "bundle", str(voices), str(PERIODS)]
    # Hashes in a fixed order, one thread, nothing of this machine's environment.
    environment = {"COUNTS": "counts", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise BadConfig(f"the engine does not run in {(folder / 'root').resolve()}: {last}; prepare the tree anew")
    marks: dict[int, list[int]] = {}
    for line in counts.read_text().splitlines():
        mark, executed = map(int, line.split())
        marks.setdefault(mark, []).append(executed)
    between = {mark: [after - before for before, after in itertools.pairwise(values)] for mark, values in marks.items()}
    nothing = statistics.median(between[workload.MARK_NOTHING])
    held, moving, loop, graph = (
        sorted(executed - nothing for executed in between[mark])
        for mark in (workload.MARK_HELD, workload.MARK_MOVING, workload.MARK_LOOP, workload.MARK_GRAPH)
    )
    median = statistics.median(held)
    low, high = held[len(held) // 20], held[-1 - len(held) // 20]
    return Counts(
        voices=voices,
        held=round(median),
        moving=round(statistics.median(moving)),
        loop=round(statistics.median(loop)),
        graph=round(statistics.median(graph)),
        spread=(high - low) / median,
    )


def with_costs(data: bytes, costs: Costs) -> bytes:
    """The same bundle with the counts in its manifest.

    Raises:
        BadBundle: The data are not a bundle.
    """
    bundle = decode_bundle(data)
    cost = msgspec.structs.replace(
        bundle.manifest.cost,
        arm64_instructions_per_period=costs.first,
        arm64_instructions_per_further_voice=costs.further,
    )
    return encode_bundle(Bundle(msgspec.structs.replace(bundle.manifest, cost=cost), bundle.graphs))


def costs_table(costs: Costs, cpu: str) -> Table:
    """The counts as a table for a terminal."""
    table = Table(title=f"instructions per period of 128 samples, Cortex-{cpu.upper()}", title_justify="left")
    for heading in ("voices", "held", "blend moving", "in the loop", "graph alone", "spread"):
        table.add_column(heading, justify="right")
    for row in costs.counts:
        table.add_row(
            str(row.voices),
            f"{row.held:,}",
            f"{row.moving:,}",
            f"{row.loop:,}",
            f"{row.graph:,}",
            f"{100 * row.spread:.1f} %",
        )
    table.caption = (
        f"each further voice {costs.further:,}; 60 % of a Raspberry Pi 4's core (4.0 M at one instruction a cycle) "
        f"play {costs.voices_on_a_pi_4} voices"
    )
    return table
