"""How long to train: the efforts that a user can ask for, as data."""

from __future__ import annotations

from dataclasses import dataclass

from tombola_device.contract.errors import BadConfig

from tombola_host.generators.voice.size import VoiceSize


@dataclass(frozen=True, slots=True)
class Schedule:
    """One training: first in the control domain, then through the synthesizer.

    Args:
        control_steps: Steps on analysed amplitudes.
        audio_steps: Steps on sound.
        control_windows: Windows a step; a window is 128 frames, 0.34 s.
        audio_windows: Windows a step; a window is 96 frames, 0.26 s.
        learning_rate: Peak of the control domain's; the sound's is a third of it.
    """

    control_steps: int
    audio_steps: int
    control_windows: int = 16
    audio_windows: int = 8
    learning_rate: float = 3e-3


@dataclass(frozen=True, slots=True)
class Effort:
    """All the trainings of a build.

    Args:
        dense: One round of training before units are selected.
        rounds: Fractions of the dense network's weights that are left after each round of the lottery.
        ticket: The training of a ticket.
        merge: The joint training of the merged network; windows are per step, over all modes together.
    """

    dense: Schedule
    rounds: tuple[float, ...]
    ticket: Schedule
    merge: Schedule


DENSE_SIZE = VoiceSize(input=1024, hidden=1024)

EFFORTS = {
    "quick": Effort(
        dense=Schedule(24, 0),
        rounds=(0.2, 0.05, 0.004),
        ticket=Schedule(200, 60),
        merge=Schedule(600, 200, control_windows=32, audio_windows=16),
    ),
    "normal": Effort(
        dense=Schedule(60, 0),
        rounds=(0.2, 0.05, 0.004),
        ticket=Schedule(400, 150),
        merge=Schedule(1200, 700, control_windows=32, audio_windows=16),
    ),
    "long": Effort(
        dense=Schedule(200, 0),
        rounds=(0.5, 0.2, 0.08, 0.03, 0.004),
        ticket=Schedule(3000, 1000),
        merge=Schedule(6000, 2000, control_windows=32, audio_windows=16),
    ),
}


def effort_named(name: str) -> Effort:
    """Look an effort up.

    Raises:
        BadConfig: There is none of that name.
    """
    if name not in EFFORTS:
        raise BadConfig(f"there is no effort {name!r}; choose one of: {', '.join(EFFORTS)}")
    return EFFORTS[name]
