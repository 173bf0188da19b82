"""Everything that can be shown, as it stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its name, its choices in words, and which one holds.

    Args:
        waits: Whether a choice does something: it takes hold with the push after it, not while the encoder turns.
    """

    name: str
    choices: tuple[str, ...]
    chosen: int
    waits: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """The instrument in words and numbers; everything has a value, so that a page can be drawn at any time.

    Args:
        bundle: Name.
        modes: Names.
        blend: Weights, as many as modes.
        peak_db: Of the last moment, dBFS.
        load: Share of a period that rendering takes, at the 99th percentile.
        sounding: Voices that sound.
        voices: Voices that may.
        slimmed: Whether there are fewer than asked for because of the load.
        xruns: Since the start.
        tempo_bpm: Of the MIDI clock; 0 without one.
        scenes: What each of the places holds, in words; empty: nothing.
        previous: Name of the bundle to go back to; empty: none.
        confirmed: Whether the bundle that plays is kept.
        flashing: Share of a bundle that has come, 0 … 1; below 0: none is coming.
        owners: How many keys are enrolled.
        pairing: Whether a key can be enrolled now.
        unsigned: Whether the next bundle may be unsigned.
        calibration: What the wizard says; empty: it rests.
        pitch_volts: At V/OCT.
        options: Settings.
        learning: What the next controller that moves will be taught; empty: nothing.
        about: Lines.
        message: What must be seen now; empty: nothing.
        fault: Why it is mute; empty while it plays.
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
    unsigned: bool = False
    calibration: str = ""
    pitch_volts: float = 0.0
    options: tuple[Option, ...] = ()
    learning: str = ""
    about: tuple[str, ...] = ()
    message: str = ""
    fault: str = ""
    lost: bool = False
