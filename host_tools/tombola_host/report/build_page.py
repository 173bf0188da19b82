"""Stage: the report of a build, to hear and to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import BadRun

from tombola_host.corpus.material import Material, gather
from tombola_host.corpus.windows import Note
from tombola_host.cost.bench import bench
from tombola_host.evaluation.held_out import Playback, bundle_playback, trainee_playback
from tombola_host.evaluation.judge import BRIEF, ModeJudgement, built_from, judge, never_learned_from
from tombola_host.evaluation.performed import is_sustained, key_of
from tombola_host.evaluation.played import BundleInstrument
from tombola_host.evaluation.tables import EXPLAINED, error_rows, played_rows
from tombola_host.generators import family_named
from tombola_host.generators.family import Family
from tombola_host.playing.level import normalised
from tombola_host.playing.performance import read_midi
from tombola_host.playing.phrases import phrase, sweep
from tombola_host.playing.previews import play
from tombola_host.progress import Reporter, Silent
from tombola_host.report.data import BlendSweep, Curve, Goal, ModeSounds, Plot, ReportData, Sound, Table
from tombola_host.report.lottery import METHODS_TOLD, lottery_table
from tombola_host.report.page import write_report
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.compare import Row, load_rows
from tombola_host.stages.trainee_files import load_trainee

WRITING = "writing the page"
HEARD_S = 3.0
BENCH_S = 4.0
SMOOTHED_STEPS = 20


@dataclass(frozen=True, slots=True)
class Performed:
    """What the daemon played.

    Args:
        audio: 48 kHz. Shape (T,).
        midi: The performance.
        flash_bytes_per_s: Payload rate.
        through: How the sound left the daemon, in a few words.
        remark: What the reader should know of it.
    """

    audio: Float32Array
    midi: Path
    flash_bytes_per_s: float
    through: str
    remark: str


def write_page(run: Run, store: RunStore, path: Path, reporter: Reporter, performed: Performed | None = None) -> None:
    """Write the report of a finished build.

    Raises:
        BadRun: The run is not a finished build, or a part of it is gone.
    """
    facts = run.result()
    if "tickets" not in facts:
        raise BadRun(f"{run.path} is not a build; give the run that `tombola build` names")
    family = family_named(facts["family"])
    bundle_path = run.path / "bundle.tombola"
    bundle = decode_bundle(bundle_path.read_bytes())
    folders = {mode: Path(folder) for mode, folder in facts["folders"].items()}
    materials = gather(folders, Silent())
    step = reporter.task(WRITING)
    tickets: Sequence[Run | None] = [store.find(name) for name in facts["tickets"]] or [None] * len(materials)
    merged = store.find(facts["merged"])
    rows = load_rows(store.find(facts["compare"])) if facts["compare"] else ()
    heard = [material for material in materials if material.test.notes]
    judged = judge(bundle, heard, lambda done, total, word: None, BRIEF)
    step(1, 4, "judged on held-out notes")
    cost = bench(bundle_path, seconds=BENCH_S)
    step(2, 4, "timed in a paced loop")
    sounds = tuple(
        _mode_sounds(family, bundle, mode, material, ticket)
        for mode, (material, ticket) in enumerate(zip(materials, tickets, strict=True))
    )
    step(3, 4, "played")
    found = [ticket.result() for ticket in tickets if ticket]
    tried = store.find(facts["trial"]) if facts["trial"] else None
    figures = {
        "parameters": f"{bundle.manifest.cost.parameters:,}",
        "to flash": f"{bundle_path.stat().st_size / 1000:.0f} kB",
        "of a core here, one note": f"{100 * cost.timings[0].real_time_factor:.0f} %",
    }
    if performed:
        figures["flashed at"] = f"{performed.flash_bytes_per_s / 1000:.0f} kB/s"
    data = ReportData(
        title=f"Tombola: {facts['name']}",
        summary=f"{_listed(list(folders))} in one small network. Press and listen.",
        facts=figures,
        sweep=_sweep(bundle, performed),
        modes=sounds,
        judged=_judged(judged),
        comparison=_comparison(rows, facts["method"]) if rows else None,
        lottery=lottery_table(tried) if tried else None,
        plots=(*_loss_plots(facts, store, found, merged), *([_density_plot(found)] if found else [])),
        bench=cost,
        goals=tuple(_goals(rows, facts["method"], found, judged, bundle)),
        provenance={"effort": facts["effort"], **bundle.manifest.provenance},
        method=METHODS_TOLD.get(facts["method"], ""),
        remarks=(performed.remark,) if performed and performed.remark else (),
    )
    write_report(data, path)
    step(4, 4, "done")


def _mode_sounds(family: Family, bundle: Bundle, mode: int, material: Material, ticket: Run | None) -> ModeSounds:
    held_out = never_learned_from(bundle, material)
    notes = held_out or material.training.notes
    note = notes[len(notes) // 2]
    known = "never learned from" if held_out else "learned from"
    if not built_from(bundle, material):
        known = "the recordings changed since the build: it may have been learned from"
    alone: tuple[Sound, ...] = ()
    if ticket is not None:
        play_alone = trainee_playback(family, load_trainee(family, ticket, "trained"), 0)
        alone = (Sound("alone", _played(play_alone, note), "the mode's own ticket, a network for this mode only"),)
    sounds = (
        Sound("recording", _first(note.audio.numpy()), f"{note.name}, {known}"),
        *alone,
        Sound("following", _played(bundle_playback(bundle, mode), note), "at the pitch and level of the recording"),
        Sound("Tombola", _first(_from_key(bundle, mode, note)), "played from a key, as the instrument comes"),
    )
    melody = play(bundle, phrase(bundle.manifest.modes, mode))
    return ModeSounds(material.name, bundle.manifest.modes[mode].color, sounds, material.licence, melody)


def _from_key(bundle: Bundle, mode: int, note: Note) -> Float32Array:
    instrument = BundleInstrument(bundle, mode)
    (sound,) = instrument.play([key_of(note, sustained=is_sustained(instrument.mode))])
    return sound


def _played(play_note: Playback, note: Note) -> Float32Array:
    return _first(play_note(note))


def _first(audio: Float32Array) -> Float32Array:
    """As much as is shown, at the same peak as every other sound."""
    return normalised(audio[: int(HEARD_S * 48_000)])


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _sweep(bundle: Bundle, performed: Performed | None) -> BlendSweep | None:
    """A blend through all modes: as the daemon played it, else as the engine renders it; none with a single mode."""
    if performed is not None:
        return _performed_sweep(bundle, performed)
    modes = bundle.manifest.modes
    if len(modes) < 2:
        return None
    performance = sweep(modes)
    way = performance.blend
    audio = play(bundle, performance)
    times, weights = np.array(way.time_s), np.array(way.blend, np.float64)
    grid = np.arange(0.0, performance.seconds, 0.02)
    moved = np.stack([np.interp(grid, times, column) for column in weights.T], axis=1)
    return BlendSweep(grid, moved, audio, f"The blend goes {' → '.join(mode.name for mode in modes)}.")


def _performed_sweep(bundle: Bundle, performed: Performed) -> BlendSweep:
    """The blend as the MIDI file moved it, for the picture above the spectrogram."""
    from tombola_device.play.midi_map import MidiMap
    from tombola_device.play.player import Player

    player = Player(len(bundle.manifest.modes))
    midi_map = MidiMap(player)
    times, weights = [0.0], [player.blend]
    for event in read_midi(performed.midi):
        event.apply(player, midi_map)
        times.append(event.time_s)
        weights.append(player.blend)
    caption = f"Chords, while the blend walks through all modes and back; played live by tombolad {performed.through}."
    return BlendSweep(np.array(times), np.array(weights, np.float64), normalised(performed.audio), caption)


def _judged(judged: Sequence[ModeJudgement]) -> tuple[Table, ...]:
    if not judged:
        return ()
    modes = tuple(entry.mode for entry in judged)
    return (
        Table(("error", *modes, "mean"), tuple(error_rows(judged))),
        Table(("played from keys", *modes), tuple(played_rows(judged)), EXPLAINED),
    )


def _comparison(rows: Sequence[Row], method: str) -> Table:
    modes = tuple(rows[0].errors)
    columns = ("network", "parameters", *modes, "mean", "with its timbre", "worst level dip, dB", "centroid monotone")
    cells = []
    for row in rows:
        blend = (round(row.blend.worst_dip_db, 2), round(row.blend.monotone, 3)) if row.blend else (None, None)
        encoded = round(float(np.mean(list(row.encoded.values()))), 3)
        errors = (round(row.errors[mode], 3) for mode in modes)
        cells.append((row.name, row.parameters, *errors, round(row.mean, 3), encoded, *blend))
    caption = (
        "Multi-scale spectral error on notes never learned from, at each mode's default timbre; one seed. With its "
        "timbre: X, Y and life as they are heard in the recording. The merged network was trained after its tickets "
        "and so saw more windows than the isolated ones. "
        + (
            "The joint network is the one in the bundle; it had the time of dense networks, tickets and merge together."
            if method == "joint"
            else "The merged network is the one in the bundle; the joint one was trained exactly as long as the merge."
        )
    )
    return Table(columns, tuple(cells), caption, ("mean", "with its timbre", "worst level dip, dB"))


def _loss_plots(facts: dict[str, Any], store: RunStore, found: Sequence[dict[str, Any]], merged: Run) -> list[Plot]:
    trained = [(entry["mode"], entry["history"]) for entry in found]
    for run in (merged, *([store.find(facts["other"])] if facts["other"] else [])):
        result = run.result()
        trained.append(("joint" if result["method"] == "joint" else "merged", result["history"]))
    plots = []
    for key, title in (("control", "Learning in the control domain"), ("audio", "Learning from sound")):
        curves = tuple(_curve(name, history[key]) for name, history in trained if len(history[key]) > SMOOTHED_STEPS)
        plots.append(Plot(title, "step", "loss", curves, log_y=True, caption=f"Mean of {SMOOTHED_STEPS} steps."))
    return [plot for plot in plots if plot.curves]


def _curve(name: str, losses: Sequence[float]) -> Curve:
    smooth = np.convolve(losses, np.full(SMOOTHED_STEPS, 1 / SMOOTHED_STEPS), "valid")
    return Curve(name, np.arange(len(smooth), dtype=np.float64) + SMOOTHED_STEPS, smooth)


def _density_plot(found: Sequence[dict[str, Any]]) -> Plot:
    curves = []
    for entry in found:
        share = [100 * step["parameters"] / entry["dense_parameters"] for step in entry["rounds"]]
        curves.append(Curve(entry["mode"], share, [step["loss"] for step in entry["rounds"]]))
    caption = "Control loss after each round's short training: the dense network at 100 %, then what is left of it."
    return Plot("The lottery, round by round", "parameters left, %", "loss", tuple(curves), log_x=True, caption=caption)


def _goals(
    rows: Sequence[Row], method: str, found: Sequence[dict[str, Any]], judged: Sequence[ModeJudgement], bundle: Bundle
) -> list[Goal]:
    parameters = bundle.manifest.cost.parameters
    goals = [Goal("parameters", "≤ 40 000", f"{parameters:,}", parameters <= 40_000)]
    by_name = {row.name: row for row in rows}
    ours, other = ("joint", "merged") if method == "joint" else ("merged", "joint")
    if ours == "merged" and found:
        removed = min(entry["removed"] for entry in found)
        goals.append(
            Goal("weights removed from the dense network", "≥ 99 %", f"{100 * removed:.2f} %", removed >= 0.99)
        )
    for name, bar in (("isolated", 0.95), (other, 1.0)):
        if name in by_name and by_name[name].errors:
            ratio = by_name[ours].mean / by_name[name].mean
            goals.append(Goal(f"held-out error, {ours} / {name}", f"≤ {bar}", f"{ratio:.3f}", ratio <= bar))
    if judged:
        median = max(entry.pitch_median_cents for entry in judged)
        most = max(entry.pitch_p95_cents for entry in judged)
        goals.append(
            Goal(
                "pitch, worst mode",
                "median ≤ 3, 95 % ≤ 10 cents",
                f"{median:.2f}, {most:.2f} cents",
                median <= 3 and most <= 10,
            )
        )
    return goals
