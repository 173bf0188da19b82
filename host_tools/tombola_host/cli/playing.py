"""Commands that play and measure a bundle: render, evaluate, bench, inspect, flash, demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from tombola_device.contract.errors import BadConfig
from tombola_device.play.offline import PerformedEvent

from tombola_host.cli.app import (
    DEFAULT_BAUD,
    BaudOption,
    BundleArgument,
    EffortOption,
    Folders,
    JsonOption,
    PortOption,
    app,
    check_output,
    chosen_port,
    output,
    read_bundle,
    say,
    working,
)
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
from tombola_host.playing.level import amplified, normalised, peak_db
from tombola_host.playing.performance import check_sound_path, phrase_at, read_midi, render_file, write_sound
from tombola_host.playing.rehearsal import CHECKED_S, CHECKING, rehearse
from tombola_host.progress import Part
from tombola_host.runs.store import write_atomically
from tombola_host.study.plan import FILE_S, count_recordings, listening_to
from tombola_host.training.effort import effort_named

JUDGING, MEASURING = "judging", "measuring"
JUDGED_S = 12.0
"""For a mode."""


@app.command()
def render(
    bundle: BundleArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="A .wav, .flac or .ogg file.")],
    midi: Annotated[Path | None, typer.Option("--midi", help="A MIDI file; without it, a built-in phrase.")] = None,
    blend: Annotated[str, typer.Option("--blend", help="Where to stand, such as sax=0.7,harp=0.3.")] = "",
    automation: Annotated[
        Path | None,
        typer.Option("--automation", help='A way through the blend: {"time_s": [0, 4], "blend": [[1, 0], [0, 1]]}.'),
    ] = None,
    voices: Annotated[int, typer.Option("--voices", min=1, max=16, help="How many notes at once.")] = 4,
    gain_db: Annotated[
        float | None, typer.Option("--gain", metavar="DB", help="Change the instrument's own level by so many dB.")
    ] = None,
    normalise: Annotated[
        bool | None,
        typer.Option(help="Bring the peak to -1 dBFS, or keep the instrument's own level. Without --gain: bring it."),
    ] = None,
) -> None:
    """Render a MIDI file, or a built-in phrase, to a sound file. The device's own engine plays it.

    \b
    Example:  tombola render quartet.tombola --midi song.mid --blend sax=1,harp=1 -o song.wav
    """
    if gain_db is not None and normalise:
        raise BadConfig("--gain and --normalise both set the level; give one of them")
    check_sound_path(out)
    check_output(out)
    loaded = read_bundle(bundle)
    if midi is not None:
        events: Sequence[PerformedEvent] = read_midi(midi)
    else:
        events = phrase_at(loaded, blend)
    with working() as reporter:
        reporter.plan([Part(CHECKING, CHECKED_S), Part("playing", 3.0)])
        rehearse(loaded, reporter)
        step = reporter.task("playing")
        audio = render_file(loaded, events, blend=blend, automation=automation, voices=voices)
        step(1, 1, "")
    if gain_db is not None:
        audio = amplified(audio, gain_db)
    elif normalise is not False:
        audio = normalised(audio)
    write_sound(audio, out)
    say(f"{out}: {len(audio) / 48_000:.1f} s, peak {peak_db(audio):.1f} dBFS")


@app.command()
def evaluate(bundle: BundleArgument, folders: Folders, as_json: JsonOption = False) -> None:
    """Judge each mode on notes that it never learned from. By spectrum, motion, dynamics, likeness to recordings.

    \b
    Example:  tombola evaluate quartet.tombola sax=rec/sax harp=rec/harp --json
    """
    from tombola_host.corpus.material import gather
    from tombola_host.evaluation.judge import check_modes, judge
    from tombola_host.evaluation.tables import as_tables

    loaded, modes = read_bundle(bundle), parse_folders(folders)
    check_modes(loaded, modes)
    with working() as reporter:
        listening = [Part(listening_to(mode), 1.0 + FILE_S * count_recordings(path)) for mode, path in modes.items()]
        reporter.plan([*listening, Part(JUDGING, JUDGED_S * len(modes))])
        judgements = judge(loaded, gather(modes, reporter), reporter.task(JUDGING))
    if as_json:
        output.print_json(msgspec.json.encode(judgements).decode())
    else:
        output.print(as_tables(judgements))


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
    """Measure what a bundle costs on this computer, or a Raspberry Pi. Size, and µs per period of 128 samples.

    With --arm64 a Pi's instructions are counted in an emulator, and are the same on any machine.

    Example:  tombola bench quartet.tombola --json
    """
    if arm64 is not None:
        _bench_arm64(bundle, arm64, cpu, prepare=prepare, write=write, as_json=as_json)
        return
    loaded = read_bundle(bundle)
    with working() as reporter:
        # Two numbers of voices, each with what is measured beside the paced loop.
        reporter.plan([Part(CHECKING, CHECKED_S), Part(MEASURING, 2 * (seconds + 6.0))])
        rehearse(loaded, reporter)
        step = reporter.task(MEASURING)
        measured = run_bench(bundle, seconds=seconds)
        step(1, 1, "")
    if as_json:
        output.print_json(bench_json(measured))
    else:
        output.print(bench_table(measured))


def _bench_arm64(bundle: Path, root: Path, cpu: str, *, prepare: bool, write: bool, as_json: bool) -> None:
    if cpu not in FEATURES:
        raise BadConfig(f"the processor {cpu!r} is unknown; give {' or '.join(FEATURES)}")
    read_bundle(bundle)
    with working() as reporter:
        reporter.plan([Part("preparing", 120.0)] * prepare + [Part("counting instructions", 60.0)])
        if prepare:
            step = reporter.task("preparing")
            prepare_root(root)
            step(1, 1, "")
        step = reporter.task("counting instructions")
        costs = count(bundle, root, cpu)
        step(1, 1, "")
    if write:
        write_atomically(bundle, with_costs(bundle.read_bytes(), costs))
    if as_json:
        output.print_json(msgspec.json.encode(costs).decode())
    else:
        output.print(costs_table(costs, cpu))


@app.command()
def inspect(
    bundle: BundleArgument,
    everything: Annotated[bool, typer.Option("--all", help="Also the graph, its operators, and the hashes.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say which instruments a bundle has, and their notes.

    Example:  tombola inspect quartet.tombola
    """
    inspection = inspect_bundle(bundle)
    if as_json:
        output.print_json(inspect_json(inspection))
    else:
        output.print(inspect_table(inspection, everything=everything))


@app.command()
def flash(
    bundle: BundleArgument,
    port: PortOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    trace: Annotated[bool, typer.Option("--trace", help="Print each frame in hexadecimal.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send a bundle to the instrument, signed if you have a key. It plays on meanwhile; unplugging does no harm.

    Example:  tombola flash quartet.tombola
    """
    read_bundle(bundle)
    path = key_path()
    key = read_key(path) if path.exists() else None
    found = chosen_port(port)
    with working() as reporter:
        step = reporter.task(f"sending to {found}")
        sent = send(bundle, found, key=key, baud=baud, progress=step, trace=reporter.say if trace else None)
    if as_json:
        output.print_json(msgspec.json.encode(sent).decode())
    elif sent.already_active:
        say(f"{bundle} is what the instrument plays already; nothing was sent.")
    else:
        say(
            f"{bundle}: {sent.size_bytes} bytes in {sent.seconds:.1f} s, "
            f"{sent.payload_bytes_per_s / 1000:.1f} kB/s; it is playing."
        )


@app.command()
def device(port: PortOption = None, baud: BaudOption = DEFAULT_BAUD) -> None:
    """Ask an instrument who it is and what it plays, as JSON.

    Example:  tombola device
    """
    output.print_json(data=device_info(chosen_port(port), baud=baud))


@app.command()
def demo(
    sounds: Annotated[Path | None, typer.Option("--sounds", help="Your own folder, one sub-folder per mode.")] = None,
    folder: Annotated[Path, typer.Option("--folder", help="Where everything goes.")] = Path("build/demo"),
    effort: EffortOption = "quick",
    compare: Annotated[
        bool, typer.Option("--compare", help="Also train what the result is measured against, for the report.")
    ] = False,
) -> None:
    """From recordings to a playing instrument, and a page to hear it. The page is build/demo/report.html.

    Example:  tombola demo --sounds my-recordings/
    """
    effort_named(effort)
    check_output(folder / "report.html")
    from tombola_host.demo.demo import run_demo

    with working(folder / "demo.log") as reporter:
        page = run_demo(folder, reporter, sounds=sounds, effort=effort, compare=compare)
    say(f"Open {page}")
