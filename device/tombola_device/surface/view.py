"""Everything that a face can show. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its name, its choices in words, and the index of the one that holds.

    Args:
        waits: Whether a choice takes hold only when it is confirmed, not while the player turns through the choices.
    """

    name: str
    choices: tuple[str, ...]
    chosen: int
    waits: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """The instrument in words and numbers. Everything has a default, so that a face can draw at any time.

    Args:
        bundle: Name of the bundle that plays; empty: none plays.
        modes: Names of its modes.
        blend: Weights of the modes, as many as there are modes.
        peak_db: Highest peak of the last moment, dBFS.
        load: Share of a period that rendering takes, at the 99th percentile.
        sounding: Voices that sound.
        voices: Voices that may sound.
        slimmed: Whether fewer voices may sound than asked for, because of the load.
        xruns: Since the start.
        tempo_bpm: Of the MIDI clock; 0 without one.
        scenes: The scene at each place, in words; empty: the place is empty.
        previous: Name of the bundle to go back to; empty: none.
        confirmed: Whether the bundle that plays has passed its trial.
        flashing: Share of an incoming bundle that has arrived, 0 … 1; below 0: none is coming.
        owners: How many keys are enrolled.
        pairing: Whether a key can ask to be enrolled now.
        asking_key: Fingerprint of the key that asks to be enrolled; empty: none.
        asking_bundle: First digits of the SHA-256 of a bundle that was refused and can be allowed; empty: none.
        allowed_bundle: The same of the bundle that is allowed; empty: none.
        calibration: The calibration wizard's sentence; empty: no calibration runs.
        pitch_volts: Volts at V/OCT.
        options: The settings.
        learning: The target that the next controller to move will learn; empty: none.
        about: Version, board, latency and licence, a line each.
        notice: Something to read for a moment; empty: nothing.
        fault: Why the instrument is mute; empty while it plays.
        lost: Whether the card is unplugged.
    """

    bundle: str = ""
    modes: tuple[str, ...] = ()
    blend: tuple[float, ...] = ()
    peak_db: float = -80.0
    load: float = 0.0
    sounding: int = 0
    voices: int = 0
    slimmed: bool = False
    xruns: int = 0
    tempo_bpm: float = 0.0
    scenes: tuple[str, ...] = ("",) * 16
    previous: str = ""
    confirmed: bool = True
    flashing: float = -1.0
    owners: int = 0
    pairing: bool = False
    asking_key: str = ""
    asking_bundle: str = ""
    allowed_bundle: str = ""
    calibration: str = ""
    pitch_volts: float = 0.0
    options: tuple[Option, ...] = ()
    learning: str = ""
    about: tuple[str, ...] = ()
    notice: str = ""
    fault: str = ""
    lost: bool = False
