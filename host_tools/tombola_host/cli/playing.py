"""Commands that play and measure a bundle: render, evaluate, bench, inspect, flash, demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table
from tombola_device.contract.errors import BadConfig

from tombola_host.cli.app import BundleArgument, Folders, JsonOption, app, output, read_bundle, working
from tombola_host.corpus.folders import parse_folders
from tombola_host.cost.arm64.count import costs_table, count, with_costs
from tombola_host.cost.arm64.root import FEATURES, prepare_root
from tombola_host.cost.bench import as_json as bench_json
from tombola_host.cost.bench import as_table as bench_table
from tombola_host.cost.bench import bench as run_bench
from tombola_host.cost.inspect import as_json as inspect_json
from tombola_host.cost.inspect import as_table as inspect_table
from tombola_host.cost.inspect import inspect_bundle
from tombola_host.link.flash import device_info
from tombola_host.link.flash import flash as send
from tombola_host.link.keys import key_path, read_key
from tombola_host.playing.performance import read_midi, render_file, write_sound
from tombola_host.runs.store import write_atomically

if TYPE_CHECKING:
    from tombola_host.evaluation.judge import ModeJudgement


@app.command()
def render(
    bundle: BundleArgument,
    midi: Annotated[Path, typer.Option("--midi", help="A standard MIDI file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .wav, .flac or .ogg file.")],
    blend: Annotated[str, typer.Option("--blend", help="Where to stand, such as sax=0.7,harp=0.3.")] = "",
    automation: Annotated[
        Path | None,
        typer.Option("--automation", help='A way through the blend: {"time_s": [0, 4], "blend": [[1, 0], [0, 1]]}.'),
    ] = None,
    voices: Annotated[int, typer.Option("--voices", min=1, max=16, help="How many notes at once.")] = 4,
) -> None:
    """Render a MIDI file offline, by the device's own engine.

    Example:  tombola render quartet.tombola --midi song.mid --blend sax=1,harp=1 -o song.wav
    """
    audio = render_file(read_bundle(bundle), read_midi(midi), blend=blend, automation=automation, voices=voices)
    write_sound(audio, out)
    output.print(f"{out}: {len(audio) / 48_000:.1f} s")


@app.command()
def evaluate(bundle: BundleArgument, folders: Folders, as_json: JsonOption = False) -> None:
    """Judge each mode on notes that it never learned from: spectrum, pitch, likeness to the recordings.

    Example:  tombola evaluate quartet.tombola sax=rec/sax harp=rec/harp --json
    """
    from tombola_host.corpus.material import gather
    from tombola_host.evaluation.judge import judge

    loaded = read_bundle(bundle)
    with working() as reporter:
        judgements = judge(loaded, gather(parse_folders(folders), reporter), reporter.task("judge"))
    if as_json:
        output.print_json(msgspec.json.encode(judgements).decode())
    else:
        output.print(_judgement_table(judgements))


@app.command()
def bench(
    bundle: BundleArgument,
    seconds: Annotated[float, typer.Option("--seconds", min=0.5, max=600, help="How long to measure.")] = 10.0,
    as_json: JsonOption = False,
    arm64: Annotated[Path | None, typer.Option("--arm64", help="Count a Pi's instructions in this arm64 tree.")] = None,
    cpu: Annotated[str, typer.Option("--cpu", help="a72 (Raspberry Pi 4) or a76 (5).")] = "a72",
    prepare: Annotated[bool, typer.Option("--prepare", help="Make the tree first, or fetch what it lacks.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the counts into the bundle.")] = False,
) -> None:
    """Measure what a bundle costs here: size, and µs per period in a loop paced like a sound card's.

    Or, with --arm64, what it costs on a Raspberry Pi: instructions, counted in an emulator, the same on any machine.

    Example:  tombola bench quartet.tombola --json
    """
    if arm64 is not None:
        _bench_arm64(bundle, arm64, cpu, prepare=prepare, write=write, as_json=as_json)
        return
    measured = run_bench(bundle, seconds=seconds)
    if as_json:
        output.print_json(bench_json(measured))
    else:
        output.print(bench_table(measured))


def _bench_arm64(bundle: Path, root: Path, cpu: str, *, prepare: bool, write: bool, as_json: bool) -> None:
    if cpu not in FEATURES:
        raise BadConfig(f"the processor {cpu!r} is unknown; give {' or '.join(FEATURES)}")
    if prepare:
        prepare_root(root)
    read_bundle(bundle)
    costs = count(bundle, root, cpu)
    if write:
        write_atomically(bundle, with_costs(bundle.read_bytes(), costs))
    if as_json:
        output.print_json(msgspec.json.encode(costs).decode())
    else:
        output.print(costs_table(costs, cpu))


@app.command()
def inspect(bundle: BundleArgument, as_json: JsonOption = False) -> None:
    """Say what is in a bundle: modes, ranges, graph, cost, provenance, licence.

    Example:  tombola inspect quartet.tombola
    """
    inspection = inspect_bundle(bundle)
    if as_json:
        output.print_json(inspect_json(inspection))
    else:
        output.print(inspect_table(inspection))


@app.command()
def flash(
    bundle: BundleArgument,
    port: Annotated[str, typer.Option("--port", help="The instrument's serial port.")],
    baud: Annotated[int, typer.Option("--baud", min=300, help="Of a real UART; USB ignores it.")] = 115_200,
    trace: Annotated[bool, typer.Option("--trace", help="Print each frame in hexadecimal.")] = False,
) -> None:
    """Send a bundle to the instrument, signed if you have a key. It plays on meanwhile; unplugging does no harm.

    Example:  tombola flash quartet.tombola --port /dev/ttyACM0
    """
    path = key_path()
    key = read_key(path) if path.exists() else None
    with working() as reporter:
        step = reporter.task("flash")
        sent = send(bundle, port, key=key, baud=baud, progress=step, trace=reporter.say if trace else None)
    if sent.already_active:
        output.print(f"{bundle} is what the instrument plays already; nothing was sent.")
    else:
        output.print(
            f"{bundle}: {sent.size_bytes} bytes in {sent.seconds:.1f} s, "
            f"{sent.payload_bytes_per_s / 1000:.1f} kB/s; it is playing."
        )


@app.command()
def device(
    port: Annotated[str, typer.Option("--port", help="The instrument's serial port.")],
    baud: Annotated[int, typer.Option("--baud", min=300, help="Of a real UART; USB ignores it.")] = 115_200,
) -> None:
    """Ask an instrument who it is and what it plays, as JSON.

    Example:  tombola device --port /dev/ttyACM0
    """
    output.print_json(data=device_info(port, baud=baud))


@app.command()
def demo(
    sounds: Annotated[Path | None, typer.Option("--sounds", help="Your own folder, one sub-folder per mode.")] = None,
    folder: Annotated[Path, typer.Option("--folder", help="Where everything goes.")] = Path("build/demo"),
    effort: Annotated[str, typer.Option("--effort", help="How long to train.")] = "quick",
) -> None:
    """From recordings to a playing instrument, and a page to hear it: build/demo/report.html.

    Example:  tombola demo --sounds my-recordings/
    """
    from tombola_host.demo.demo import run_demo

    with working() as reporter:
        page = run_demo(folder, reporter, sounds=sounds, effort=effort)
    output.print(f"Open {page}")


def _judgement_table(judgements: tuple[ModeJudgement, ...]) -> Table:
    table = Table(title="on notes never learned from", title_justify="left")
    columns = ("mode", "notes", "spectral error", "pitch median", "pitch 95 %", "Fréchet ratio")
    for column in columns:
        table.add_column(column, justify="left" if column == "mode" else "right")
    for entry in judgements:
        ratio = f"{entry.frechet_ratio:.2f}" if entry.frechet_ratio is not None else "too few notes"
        name = entry.mode if entry.held_out else f"{entry.mode} (recordings unknown to the bundle)"
        cents = (f"{entry.pitch_median_cents:.2f} cents", f"{entry.pitch_p95_cents:.2f} cents")
        table.add_row(name, str(entry.notes), f"{entry.spectral_error:.3f}", *cents, ratio)
    return table
