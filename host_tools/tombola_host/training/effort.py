"""Efforts that a user can choose: the lengths of all trainings, as data."""

from __future__ import annotations

from dataclasses import dataclass

from tombola_device.contract.errors import BadConfig


@dataclass(frozen=True, slots=True)
class Length:
    """The length of one training: first in the control domain, then on sound. A family may use only one of them.

    Args:
        control_steps: Steps on analysed amplitudes.
        audio_steps: Steps on sound.
        control_windows: Windows per step; a window is 128 frames, 0.34 s.
        audio_windows: Windows per step; a window is 96 frames, 0.26 s.
        learning_rate: Peak rate in the control domain.
        audio_rate: Peak rate on sound, relative to that.
    """

    control_steps: int
    audio_steps: int
    control_windows: int = 16
    audio_windows: int = 8
    learning_rate: float = 3e-3
    audio_rate: float = 1 / 3


@dataclass(frozen=True, slots=True)
class Effort:
    """The trainings of a build.

    Args:
        dense: Training of one round, before units are selected.
        shares: Fractions of the dense network's cost that remain after each round of the lottery.
        ticket: Training of a ticket.
        merge: Joint training of the network merged from tickets; windows per step are over all modes together.
        scratch: Training of a network from scratch, on all modes together; on two cores it takes no longer than dense
            networks, tickets and merge together.
    """

    dense: Length
    shares: tuple[float, ...]
    ticket: Length
    merge: Length
    scratch: Length


EFFORTS = {
    "quick": Effort(
        dense=Length(24, 0),
        shares=(0.2, 0.05, 0.004),
        ticket=Length(200, 60),
        merge=Length(600, 200, control_windows=32, audio_windows=16),
        scratch=Length(200, 600, control_windows=32, audio_windows=16, audio_rate=2.0),
    ),
    "normal": Effort(
        dense=Length(60, 0),
        shares=(0.2, 0.05, 0.004),
        ticket=Length(400, 150),
        merge=Length(1200, 700, control_windows=32, audio_windows=16),
        scratch=Length(400, 1600, control_windows=32, audio_windows=16, audio_rate=2.0),
    ),
    "long": Effort(
        dense=Length(200, 0),
        shares=(0.5, 0.2, 0.08, 0.03, 0.004),
        ticket=Length(3000, 1000),
        merge=Length(6000, 2000, control_windows=32, audio_windows=16),
        scratch=Length(2000, 8000, control_windows=32, audio_windows=16, audio_rate=2.0),
    ),
}


def effort_named(name: str) -> Effort:
    """Look an effort up.

    Raises:
        BadConfig: No effort has that name.
    """
    if name not in EFFORTS:
        raise BadConfig(f"there is no effort {name!r}; choose one of: {', '.join(EFFORTS)}")
    return EFFORTS[name]
