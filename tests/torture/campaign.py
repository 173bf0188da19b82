"""Breaks the instrument at every edge while notes are held, and looks what is left: `make torture`.

    python tests/torture/campaign.py [--pairs N] [--seed S] [--only TEXT]

A single fault: an activity × an edge that it uses × a kind of fault. A pair: two of those at random, of one activity.
After each: sound within two seconds or the sentence that says why, no note that hangs, all that was kept is readable,
the peak at most full scale, no step larger than the sound's own.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from faults import Edge, Fault, clocks, kinds_of
from patient import ACTIVITIES, CLOCK, JUMPS_S, MOST_CALLS, PROCESS, PROCESS_KINDS, PROGRESS, TICKS, Outcome, Patient
from stage import Stage, performed
from tombola_device.contract.bundle import encode_bundle


def used(patient: Patient) -> dict[str, Counter[Edge]]:
    """How often each activity calls each edge."""
    counted = {}
    for activity in ACTIVITIES:
        before = Counter(patient.stage.plan.calls)
        outcome = patient.trial(activity, ())
        assert not outcome.problems, f"without any fault: {outcome}: {outcome.problems}"
        calls = patient.stage.plan.calls - before
        counted[activity] = Counter({edge: count for edge, count in calls.items() if count})
        patient.rest()
    return counted


def singles(calls: dict[str, Counter[Edge]], rng: random.Random) -> Iterator[tuple[str, Fault]]:
    """Every edge × kind × activity that uses the edge, early in it and somewhere in it; processes and clocks too."""
    for activity, counted in calls.items():
        for edge in sorted(counted):
            for kind in kinds_of(edge):
                # Each call of the disk has another meaning; all others repeat themselves.
                calls_of = counted[edge] if edge.protocol == "Files" and kind in ("once", "late") else 1
                for after in range(min(calls_of, MOST_CALLS)):
                    yield activity, Fault(edge, kind, after)
        for kind in PROCESS_KINDS:
            if kind != "hang" or activity == "hold":
                yield activity, Fault(Edge(PROCESS, "audio"), kind, rng.randrange(2, TICKS))
        for name in clocks():
            for kind, seconds in JUMPS_S.items():
                if seconds > 0 or name == "time":
                    yield activity, Fault(Edge(CLOCK, name), kind, rng.randrange(2, TICKS))


def pairs(calls: dict[str, Counter[Edge]], rng: random.Random) -> Iterator[tuple[str, tuple[Fault, Fault]]]:
    """Pairs at random, for ever."""
    while True:
        activity = rng.choice(list(calls))
        yield activity, (any_fault(calls[activity], rng), any_fault(calls[activity], rng))


def any_fault(counted: Counter[Edge], rng: random.Random) -> Fault:
    """A fault at random: of a process, of a clock, or of an edge that the activity calls that often."""
    what = rng.random()
    if what < 0.15:
        kind = rng.choice([kind for kind in PROCESS_KINDS if kind != "hang"])
        return Fault(Edge(PROCESS, "audio"), kind, rng.randrange(TICKS))
    if what < 0.2:
        name = rng.choice(clocks())
        kind = rng.choice([kind for kind, seconds in JUMPS_S.items() if seconds > 0 or name == "time"])
        return Fault(Edge(CLOCK, name), kind, rng.randrange(TICKS))
    edge = rng.choice(sorted(counted))
    return Fault(edge, rng.choice(kinds_of(edge)), rng.randrange(min(counted[edge], TICKS)))


def tones() -> dict[str, bytes]:
    """The bundles of the tests: tones."""
    spec = spec_from_file_location("device_conftest", Path(__file__).parents[1] / "device" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: encode_bundle(module.tone_bundle(name=name)) for name in ("factory", "a", "b", "c")}


def descriptors() -> int:
    """Open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="of the single faults, those whose name contains this")
    parser.add_argument("--no-singles", action="store_true")
    parser.add_argument("--activity", default="", help="pairs of this activity only")
    arguments = parser.parse_args()
    begun_s, bundles = time.process_time(), tones()
    failed: list[Outcome] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        well, calls = healthy(bundles, folder)
        if not arguments.no_singles:
            failed += report("single faults", run_singles(well, folder, calls, arguments.seed, arguments.only))
        if arguments.activity:
            calls = {arguments.activity: calls[arguments.activity]}
        if arguments.pairs:
            failed += report("pairs", run_pairs(well, folder, calls, arguments.seed, arguments.pairs))
    print(f"{time.process_time() - begun_s:.0f} s of processor time")
    return bool(failed)


def healthy(bundles: dict[str, bytes], folder: Path) -> tuple[Stage, dict[str, Counter[Edge]]]:
    """An instrument that is well, and how often each activity calls each edge when nothing is wrong."""
    with performed(Stage(folder, bundles)) as stage:
        Patient(stage).prepare()
    well = stage
    with performed(Stage(folder, bundles, like=well)) as stage:
        patient = Patient(stage)
        patient.begin()
        return well, used(patient)


def single(well: Stage, folder: Path, activity: str, fault: Fault, seed: int = 0) -> Outcome:
    """One fault, in an instrument that was well."""
    with performed(Stage(folder, well.bundles, seed, well)) as stage:
        patient = Patient(stage)
        patient.begin()
        return patient.trial(activity, (fault,))


def run_singles(
    well: Stage, folder: Path, calls: dict[str, Counter[Edge]], seed: int, only: str = "", step: int = 1
) -> Iterator[Outcome]:
    """Every single fault, each in an instrument that was well."""
    wanted = [single for single in singles(calls, random.Random(seed)) if only in f"{single[0]}: {single[1]}"]
    for activity, fault in wanted[::step]:
        yield single(well, folder, activity, fault, seed)


def run_pairs(
    well: Stage, folder: Path, calls: dict[str, Counter[Edge]], seed: int, count: int, life: int = 100
) -> Iterator[Outcome]:
    """Pairs at random; an instrument lives through ``life`` of them, or until one has harmed it."""
    done = 0
    while done < count:
        rng = random.Random(f"{seed} {done // life}")
        stream = pairs(calls, rng)
        with performed(Stage(folder, well.bundles, rng.randrange(1 << 30), well)) as stage:
            patient = Patient(stage)
            patient.begin()
            for _ in range(min(life, count - done)):
                activity, faults = next(stream)
                outcome = patient.trial(activity, faults)
                done += 1
                yield outcome
                if outcome.problems:
                    break
                patient.rest()
            done += -done % life if outcome.problems else 0


def report(title: str, outcomes: Iterator[Outcome]) -> list[Outcome]:
    """Print what came of them; return those with problems."""
    counted: Counter[str] = Counter()
    by_edge: Counter[str] = Counter()
    failed, ends = [], Counter[str]()
    for outcome in outcomes:
        counted["trials"] += 1
        if counted["trials"] % PROGRESS == 0:
            print(f"  … {dict(counted)}, {len(failed)} failed", flush=True)
        counted["fired"] += outcome.fired >= len(outcome.faults)
        counted["partly fired"] += 0 < outcome.fired < len(outcome.faults)
        counted["ends with a sentence"] += outcome.ends > 0
        by_edge.update(fault.edge.protocol for fault in outcome.faults)
        if outcome.ends:
            ends[str(outcome)] += 1
        if outcome.problems:
            failed.append(outcome)
            print(f"  {outcome}: {'; '.join(outcome.problems)}", flush=True)
    print(f"{title}: {dict(counted)}")
    print("  " + ", ".join(f"{edge} {count}" for edge, count in sorted(by_edge.items())))
    for end_of in list(ends)[:20]:
        print(f"  the daemon ended: {end_of}")
    print(f"  {len(failed)} failed; {descriptors()} descriptors, {resident_bytes() / 1e6:.0f} MB", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
