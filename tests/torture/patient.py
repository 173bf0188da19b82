"""One instrument that goes through trials: what it is at, what breaks, and what is looked at afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from faults import Fault, lasts
from parts import AUDIBLE, COARSE_S, FINE_S
from stage import STATE, Stage
from tombola_device.contract.bundle import bundle_sha256
from tombola_device.disk.sealed import read_sealed
from tombola_device.slots.pointer import Slots
from tombola_device.surface.actions import Choose, Revert, SaveScene
from tombola_device.surface.scenes import Scene, SceneStore, Settings

SOUND_S = 2.0
"""Sound comes back within that time after the last fault has ended."""
SILENT_S = 2.0
OWN_JUMP = 0.09
"""Largest step of the rig's own sounds: three voices, the highest of them the guest's, that begin together (0.064 was
measured, which an audio process that joins a performance makes of all notes)."""
GESTURES = ("MidiIn", "MidiPort", "Uart", "Panel", "Converter", "MidiBackend", "Keyboard")
"""Edges whose garbage is what a player could have played: afterwards the player has to put things right."""
PROCESS, CLOCK = "process", "clock"
PROCESS_KINDS = ("kill", "stop", "pause", "hang", "dies at the start", "dies twice", "daemon killed")
JUMPS_S = {"+0.3 s": 0.3, "+5 s": 5.0, "+1 h": 3600.0, "+1 y": 3.15e7, "-1 h": -3600.0}
NOTES = (57, 64)
MOST_CALLS = 24
PROGRESS = 250
LONGEST_LOAD_S = 31.0


# What the instrument is at while a fault comes


def hold(stage: Stage, tick: int) -> None:
    """Notes are held; a knob, a controller and the DIN socket move."""
    if tick % 4 == 0:
        stage.patch("KNOB_2", tick % 40 / 80)
        stage.keyboard.send((0xB0, 1, tick % 128))
        stage.din.down += bytes((0xF8,))


def save(stage: Stage, tick: int) -> None:
    """A scene and a setting are kept."""
    if tick == 2:
        stage.face.press(SaveScene(stage.plan.rng.randrange(16)))
    if tick == 6:
        stage.face.press(Choose("velocity", stage.plan.rng.choice(["soft", "hard"])))
    if tick == 9:
        stage.face.press(Choose("out A", stage.plan.rng.choice(["pitch", "morph"])))


def flash(stage: Stage, tick: int) -> None:
    """A bundle arrives, is installed and takes over."""
    if tick == 1:
        slots = stage.daemon.bundles.store.slots
        held = {slots.active, slots.previous}
        stage.flash(next(name for name in ("a", "b", "c") if bundle_sha256(stage.bundles[name]) not in held))


def revert(stage: Stage, tick: int) -> None:
    """The player goes back to the bundle before."""
    if tick == 1:
        stage.face.press(Revert())


def calibrate(stage: Stage, tick: int) -> None:
    """A calibration is kept."""
    if tick == 1:
        stage.console.surface._calibrator._keep(stage.console.surface._calibrator._voltmeter.line("V_OCT"))


def plug(stage: Stage, tick: int) -> None:
    """A keyboard is plugged in, plays and is pulled out."""
    if tick == 1:
        stage.backend.plug("guest").send((0x90, 72, 90))
        stage.run(0.25)  # The list of ports is read five times a second.
    if tick == 10:
        stage.backend._plugged["guest"].send((0x90, 74, 90))
    if tick == 14:
        stage.backend.unplug("guest")
        stage.run(0.3)


def type_letters(stage: Stage, tick: int) -> None:
    """Somebody plays on the letter keys."""
    if tick in (2, 12):
        stage.letters.press("w" if tick == 2 else "r")


def patch(stage: Stage, tick: int) -> None:
    """The jacks move: gate, trigger, clock, voltages."""
    if tick % 6 == 0:
        stage.gate(high=tick % 12 == 0)
        stage._drive("CLOCK_IN", high=tick % 12 == 6)
        stage.patch("CV_X", 0.3 + tick / 200)
        stage.patch("V_OCT", 0.4 + tick / 300)


def end(stage: Stage, tick: int) -> None:
    """The daemon ends in order, and is started again."""
    if tick == 2:
        stage.end()


def boot(stage: Stage, tick: int) -> None:
    """The daemon is killed and started again."""
    if tick == 2:
        stage.restart()


ACTIVITIES: dict[str, Callable[[Stage, int], None]] = {
    activity.__name__: activity
    for activity in (hold, save, flash, revert, calibrate, plug, type_letters, patch, end, boot)
}
TICKS = 26


@dataclass
class Outcome:
    """What came of one trial."""

    activity: str
    faults: tuple[Fault, ...]
    fired: int = 0
    problems: list[str] = field(default_factory=list)
    silence: str = ""
    """The sentence that explains why there is no sound; empty: there is."""
    ends: int = 0
    """How often the daemon has ended with a sentence, and was started again."""

    def __str__(self) -> str:
        return f"{self.activity}: {' and '.join(map(str, self.faults))}"


Stored: TypeAlias = tuple[dict[int, Scene | None], Settings | None, Slots | None, str | None]
"""Scenes, settings, the slots as the instrument knows them, and the active bundle as the disk does."""


class Patient:
    """One instrument that goes through trials, on a stage that is performed."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.process_faulted = False
        """Whether a fault of a process came in the trial before: what was stopped there may be found dead here."""

    def prepare(self) -> None:
        """Two bundles were flashed and have played, three scenes and a setting are kept, and notes are held."""
        stage = self.stage
        stage.boot()
        stage.run(0.5)
        for name in ("a", "b"):
            stage.press(NOTES[0])
            stage.flash(name)
            stage.run(3.2)
            stage.release(NOTES[0])
        assert stage.daemon.bundles.store.slots.confirmed
        for place in range(3):
            stage.face.press(SaveScene(place))
            stage.run(0.1)
        stage.face.press(Choose("priority", "lowest"))
        stage.run(0.2)
        assert "scene 3 kept" in stage.notices
        stage.gate(high=False)
        stage.run(0.1)

    def begin(self) -> None:
        """Start, and hold notes."""
        self.stage.boot()
        self.stage.run(0.5)
        self.hold_notes()
        assert self.stage.speaker.now > AUDIBLE

    def hold_notes(self) -> None:
        """Hold two keys and the gate."""
        for note in NOTES:
            self.stage.press(note)
        self.stage.gate(high=True)
        self.stage.run(0.1)

    def trial(self, activity: str, faults: Sequence[Fault]) -> Outcome:
        """Let faults happen in an activity, and look."""
        stage, outcome = self.stage, Outcome(activity, tuple(faults))
        before = self._stored()
        stage.notes.clear()
        stage.notices.clear()
        stage.log.lines.clear()
        stage.speaker.peak = stage.speaker.jump = 0.0
        stage.plan.arm(*(fault for fault in faults if fault.edge.protocol not in (PROCESS, CLOCK)))
        self._perform(activity, faults, outcome)
        while stage.plan.busy:
            stage.run(COARSE_S)
        outcome.fired += len(stage.plan.fired)
        stage.plan.disarm()
        self._look(outcome, faults)
        self._let_go(outcome, faults)
        self._check_stored(outcome, before)
        self.process_faulted = any(fault.edge.protocol == PROCESS for fault in faults)
        if stage.speaker.peak > 1.0:
            outcome.problems.append(f"the peak is {stage.speaker.peak:.2f}")
        gap = any(fault.edge.protocol == "AudioOut" for fault in faults)  # What was lost leaves a gap, at any level.
        wild = _wild(faults)  # It may have played the highest notes, whose waves are that steep.
        if stage.speaker.jump > OWN_JUMP + (stage.speaker.peak if gap else 0.0) and not wild:
            outcome.problems.append(f"the sound jumps by {stage.speaker.jump:.3f}")
        outcome.ends = sum("the daemon ends" in note for note in stage.notes)
        outcome.problems += [note for note in stage.notes if note.startswith("the daemon dies")]
        self.hold_notes()
        return outcome

    def rest(self) -> None:
        """Ten quiet minutes, after which deaths and faults are forgotten; and no bundle is left on trial."""
        stage = self.stage
        stage.sender = None
        stage.play_long()
        stage.run(0.1)

    def _perform(self, activity: str, faults: Sequence[Fault], outcome: Outcome) -> None:
        stage, act = self.stage, ACTIVITIES[activity]
        for tick in range(TICKS):
            act(stage, tick)
            for fault in faults:
                if fault.edge.protocol in (PROCESS, CLOCK) and fault.after == tick:
                    outcome.fired += self._strike(fault)
            stage.tick(FINE_S)
        stage.run(0.1)

    def _strike(self, fault: Fault) -> bool:
        """Let a process die or stand still, or a clock jump."""
        stage, process = self.stage, self.stage.process
        if fault.edge.protocol == CLOCK:
            stage.clock.jump(fault.edge.method, JUMPS_S[fault.kind])
            return True
        if fault.kind == "daemon killed":
            stage.restart()
            return True
        if fault.kind == "dies at the start":
            stage.dies_at_start = 1
        if process is None:
            stage.dies_at_start = 1  # It is starting: it dies then.
            return True
        if fault.kind in ("kill", "dies at the start", "dies twice"):
            process.alive = False
            stage.dies_at_start += fault.kind == "dies twice"
        elif fault.kind == "hang":
            process._load = lambda: None
            stage.flash("a")
            stage.run(LONGEST_LOAD_S)
        else:
            process.stopped = True
            if fault.kind == "pause":
                stage.run(0.5)
                process.stopped = False
        return True

    def _look(self, outcome: Outcome, faults: Sequence[Fault]) -> None:
        """Wait for sound; the player puts right what a wild hand has played, and strikes again what was released."""
        stage = self.stage
        if _wild(faults):
            stage.tidy()
        waited_s = 0.0
        while stage.speaker.now < AUDIBLE and waited_s < SOUND_S:
            if not stage.player.held:
                self.hold_notes()
                waited_s += 0.1
            stage.run(COARSE_S)
            waited_s += COARSE_S
        if stage.speaker.now >= AUDIBLE:
            return
        said = [stage.daemon.state.see().fault, stage.ended, *stage.notices, *stage.notes, *stage.log.lines]
        outcome.silence = next((line for line in said if line), "")
        state = stage.daemon.state
        outcome.problems.append(
            f"silence ({outcome.silence!r}; {state.doing}, level {state.level_db:.0f} dB, {stage.player.held} held, "
            f"loudness {stage.player._base_db():.0f} dB, muted {stage.muted}, peak {stage.speaker.now:.4f})"
        )
        stage.restart()
        stage.run(1.0)

    def _let_go(self, outcome: Outcome, faults: Sequence[Fault]) -> None:
        """Release everything; nothing may sound on."""
        stage = self.stage
        for note in NOTES:
            stage.release(note)
        stage.gate(high=False)
        stage.run(0.1)
        late = any(fault.edge.protocol in GESTURES and fault.kind == "late" for fault in faults)
        if late or _wild(faults):  # "Late": a release was read and lost, as by a cable that is pulled out.
            stage.tidy()
        waited_s = 0.0
        while waited_s < SILENT_S and (stage.player.held or stage.speaker.now > AUDIBLE):
            stage.run(COARSE_S)
            waited_s += COARSE_S
        if stage.player.held or stage.speaker.now > AUDIBLE:
            keys = [voice.last for voice in stage.player._voices if voice.gate]
            outcome.problems.append(f"a note hangs: {keys}, {stage.speaker.now:.3f}")

    def _stored(self) -> Stored:
        store = SceneStore(self.stage.disk, STATE / "scenes")
        scenes = {place: store.scene(place) for place in range(16)}
        on_disk = read_sealed(self.stage.disk, STATE / "slots" / "slots.json", Slots)
        return (
            scenes,
            read_sealed(self.stage.disk, STATE / "scenes" / "settings.json", Settings),
            self.stage.daemon.bundles.store.slots if on_disk is not None else None,
            on_disk.active if on_disk is not None else None,
        )

    def _check_stored(self, outcome: Outcome, before: Stored) -> None:
        """Each scene is the one before or the new one; what can be read can be read; a played bundle is there."""
        scenes, settings, slots, _ = self._stored()
        stage = self.stage
        for place, scene in scenes.items():
            if scene is None and before[0][place] is not None:
                outcome.problems.append(f"scene {place + 1} is lost")
            if f"scene {place + 1} kept" in stage.notices and scene is None:
                outcome.problems.append(f"scene {place + 1} was kept and is not there")
        if settings is None and before[1] is not None:
            outcome.problems.append("the settings are lost")
        changed = settings is not None and before[1] is not None and settings.priority != before[1].priority
        if changed:
            outcome.problems.append("a setting that nobody has touched has changed")
        if slots is None and before[2] is not None:
            outcome.problems.append("slots.json is lost")
        whole = {name for name, data in stage.bundles.items() if self._holds(bundle_sha256(data))}
        good = before[2].active if before[2] is not None and before[2].confirmed else None
        # One whose audio process dies again while it starts again is given up, and the next bundle takes its place.
        given_up = outcome.activity == "flash" and any("while it started" in line for line in stage.log.lines)
        if good is not None and not self._holds(good) and outcome.activity != "revert" and not given_up:
            outcome.problems.append(f"the bundle that has played is lost; {sorted(whole)} are there")
        harmless = outcome.activity not in ("revert", "flash") and all(
            f.edge.protocol != PROCESS for f in outcome.faults
        )
        harmless = harmless and not self.process_faulted
        harmless = harmless and not _wild(outcome.faults)  # Garbage of the buttons can ask to go back.
        # A disk that refused when a bundle was given up does not know it: the next boot plays that bundle again.
        if harmless and good is not None and slots is not None and not self._second(outcome):
            active = stage.daemon.bundles.store.slots.active
            if active not in (good, before[3]):
                outcome.problems.append("the bundle that has played is given up")

    @staticmethod
    def _second(outcome: Outcome) -> bool:
        """Whether the disk or the card failed for a second: then a bundle cannot be read, or is no longer rendered."""
        return any(lasts(fault) and fault.edge.protocol in ("Files", "AudioOut") for fault in outcome.faults)

    def _holds(self, sha256: str) -> bool:
        try:
            data = self.stage.disk.read(STATE / "slots" / f"{sha256}.tombola")
        except OSError:
            return False
        return bundle_sha256(data) == sha256


def _wild(faults: Sequence[Fault]) -> bool:
    """Whether garbage came in where a player's hands do."""
    return any(fault.edge.protocol in GESTURES and fault.kind in ("garbage", "babble") for fault in faults)
