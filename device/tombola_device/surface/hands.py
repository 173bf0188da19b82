"""What knobs, voltages and gates do to the player.

knobs 1 … 5    weights of the modes 1 … 5, as far as there are so many
knobs 6, 7, 8  timbre X, timbre Y, loudness; with SHIFT held: glide, tune, morph
V/OCT, GATE    play a voice of their own: 1 V per octave, 0 V is note 36; TRIG strikes it too
X, Y           added to timbre X and Y, 5 V is the whole way
CV I … III     as assigned: a weight, morph, loudness, velocity, life, a word's knob
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tombola_device.contract.controls import MOST_LIFE
from tombola_device.hal.panel.port import KNOBS, Edge, PanelState
from tombola_device.play.player import Player
from tombola_device.surface.routing import CvTarget, CvTargets

KNOB_HYSTERESIS: Final = 1 / 512
"""A pot's noise on a 12-bit converter is a few counts of 4096: eight, and half a MIDI step."""
PICK_UP: Final = 1 / 64
"""How near a knob must come to a recalled value before it takes hold."""
LOUDNESS_KNOB_DB: Final = 40.0
"""The loudness knob: full is 0 dB, zero is this much quieter, and at its end silent."""
NOTE_AT_ZERO_VOLTS: Final = 36.0
FULL_VOLTS: Final = 5.0
DEADBAND_VOLTS: Final = 0.05
"""An unpatched input reads near 0 V and must not move anything."""
STEP_VOLTS: Final = 0.004
"""One count of the converter. Smaller changes are its noise, and would send a frame every millisecond."""
OPEN_VELOCITY: Final = 0.8
"""Of the gate's notes, until a voltage comes in at a jack that carries velocity."""
WEIGHT_KNOBS: Final = 5
LONGEST_GLIDE_S: Final = 2.0


class PanelMap:
    """Moves the player only when something on the panel moves, so that MIDI and hands can take turns.

    Args:
        player: The player that is moved.
    """

    def __init__(self, player: Player) -> None:
        self._player = player
        self._knobs = [-1.0] * KNOBS
        self._volts: dict[str, float] = {}
        self._waiting: dict[tuple[bool, int], float] = {}
        self._shift = False
        self._targets = CvTargets()
        self._patched: set[str] = set()
        """The jacks at which a voltage has come in. There 0 V is a voltage; at an open one it means nothing."""

    @property
    def targets(self) -> CvTargets:
        """See Hands. What an input moved before returns to rest."""
        return self._targets

    @targets.setter
    def targets(self, targets: CvTargets) -> None:
        for name in ("CV_1", "CV_2", "CV_3"):
            if self._target(name) is not getattr(targets, name.lower()):
                self._patched.discard(name)
                if self._volts.pop(name, 0.0):
                    self._move(name, 0.0)
        self._targets = targets

    def pick_up(self) -> None:
        """See Hands."""
        weights = self._player.hand_blend[:WEIGHT_KNOBS]
        self._waiting = {(False, knob): float(weight) for knob, weight in enumerate(weights)}
        self._waiting |= {(False, knob): self._stands(knob, shifted=False) for knob in range(WEIGHT_KNOBS, KNOBS)}

    def apply(self, state: PanelState, volts: Mapping[str, float]) -> bool:
        """Pass on what has moved since the last call; True if anything has. The first call passes on everything."""
        moved = self._turn(state.knobs)
        moved |= self._patch(volts)  # Pitch before gates: a note begins where its pitch is.
        for edge in state.edges:
            moved |= self._edge(edge)
        return moved

    @property
    def volts(self) -> Mapping[str, float]:
        """See Jacks."""
        return self._volts

    def patch(self, jack: str, volts: float) -> None:
        """See Jacks."""
        self._patch({jack: volts})

    def gate(self, jack: str, *, high: bool, time_s: float) -> None:
        """See Jacks."""
        self._edge(Edge(jack, high, time_s))

    def _edge(self, edge: Edge) -> bool:
        name, high = edge.name, edge.high
        if name == "GATE_IN":
            self._player.cv_gate(high=high, time_s=edge.time_s)
        elif name == "TRIG_IN":
            self._player.cv_trigger(high=high, time_s=edge.time_s)
        elif name == "CLOCK_IN":
            if high:
                self._player.clock.pulse(edge.time_s)
            return False
        elif name == "SHIFT":
            self._shift = high
            # The knob was turned for its other function: this one waits until the knob passes its value.
            self._waiting |= {(high, knob): self._stands(knob, shifted=high) for knob in range(WEIGHT_KNOBS, KNOBS)}
            return False
        else:
            return False
        return True

    # Knobs

    def _turn(self, knobs: tuple[float, ...]) -> bool:
        moved = False
        for knob, position in enumerate(knobs):
            before = self._knobs[knob]
            at_end = position in (0.0, 1.0) and position != before
            if abs(position - before) <= KNOB_HYSTERESIS and not at_end:
                continue
            self._knobs[knob] = position
            if self._takes_hold(knob, before, position):
                self._function(knob)(position)
                moved = True
        return moved

    def _takes_hold(self, knob: int, before: float, position: float) -> bool:
        key = (self._shift and knob >= WEIGHT_KNOBS, knob)
        wanted = self._waiting.get(key)
        if wanted is None:
            return True
        passes = before >= 0 and min(before, position) <= wanted <= max(before, position)
        if passes or abs(position - wanted) <= PICK_UP:
            del self._waiting[key]
            return True
        return False

    def _function(self, knob: int) -> Callable[[float], None]:
        player = self._player
        if knob < WEIGHT_KNOBS:
            return lambda position: player.set_weight(knob, position)
        plain: tuple[Callable[[float], None], ...] = (
            lambda position: player.set_timbre(0, position),
            lambda position: player.set_timbre(1, position),
            lambda position: player.set_loudness(loudness_db(position)),
        )
        shifted: tuple[Callable[[float], None], ...] = (
            lambda position: player.glide(LONGEST_GLIDE_S * position**2),
            lambda position: player.tune(2 * position - 1),
            player.morph,
        )
        return (shifted if self._shift else plain)[knob - WEIGHT_KNOBS]

    def _stands(self, knob: int, *, shifted: bool) -> float:
        """The position of the knob that means the value its function has now, 0 … 1."""
        player, which = self._player, knob - WEIGHT_KNOBS
        if shifted:
            return ((player.glide_s / LONGEST_GLIDE_S) ** 0.5, (player.tune_semitones + 1) / 2, player.place)[which]
        if which < 2:
            return player.timbre[which]
        return max(player.loudness_db / LOUDNESS_KNOB_DB + 1.0, 0.0)

    # Voltages

    def _patch(self, volts: Mapping[str, float]) -> bool:
        moved = False
        for name, value in volts.items():
            resting = name != "V_OCT" and abs(value) < DEADBAND_VOLTS
            now = 0.0 if resting else value
            if now:
                self._patched.add(name)
            before = self._volts.get(name)
            if name == "V_OCT":
                # No deadband and no hysteresis here: a cent is a cent.
                if now != before:
                    self._player.cv_pitch(NOTE_AT_ZERO_VOLTS + 12 * now)
                    moved |= self._player.cv_held
            elif before is None or abs(now - before) >= STEP_VOLTS or (resting and before != 0.0):
                self._move(name, now / FULL_VOLTS)
                moved = True
            else:
                continue
            self._volts[name] = now
        return moved

    def _move(self, name: str, offset: float) -> None:
        if name in ("CV_X", "CV_Y"):
            self._player.cv_timbre(int(name == "CV_Y"), offset)
            return
        target = self._target(name)
        if target is CvTarget.MORPH:
            self._player.cv_morph(offset)
        elif target is CvTarget.LEVEL:
            self._player.cv_loudness(offset * LOUDNESS_KNOB_DB)
        elif target is CvTarget.VELOCITY:
            self._player.cv_velocity(offset if name in self._patched else OPEN_VELOCITY)
        elif target is CvTarget.LIFE:
            self._player.cv_life(offset * MOST_LIFE)
        elif target is not CvTarget.NONE:
            add = self._player.cv_word if target.value.startswith("word") else self._player.cv_blend
            add(int(target.value.split()[1]) - 1, offset)

    def _target(self, name: str) -> CvTarget:
        return {"CV_1": self._targets.cv_1, "CV_2": self._targets.cv_2, "CV_3": self._targets.cv_3}[name]


def loudness_db(position: float) -> float:
    """Decibels that the loudness knob adds at a position of 0 … 1."""
    return (position - 1.0) * LOUDNESS_KNOB_DB if position > 0 else -160.0
