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
class Said:
    """The answer to an action that asked for one.

    Args:
        ticket: As in the action.
        text: What was asked for, or one sentence.
        good: Whether it was done.
    """

    ticket: str
    text: str
    good: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """The instrument in words and numbers. Everything has a default, so that a face can draw at any time.

    Args:
        bundle: Name of the bundle that plays; empty: none plays.
        sha256: SHA-256 of that bundle.
        doing: What the instrument does, in a few words.
        audio: Where the sound goes.
        modes: Names of its modes.
        blend: Weights of the modes, as many as there are modes.
        hand_blend: The same without control voltages.
        weights: The weights as they were set, before normalisation, each 0 … 1.
        place: On the way through the modes, without control voltages, 0 … 1.
        timbre: X and Y as set by hand, 0 … 1.
        life: As set by hand.
        words: Name of each knob that bears a word, and its place, 0 … 1; None: it has not set what holds now.
        loudness_db: What the loudness knob adds.
        glide_s: The glide time.
        tune_semitones: The transposition.
        held: Notes whose gate is up.
        levels_db: Level of each voice.
        peak_db: Highest peak of the last moment, dBFS.
        load: Share of a period that rendering takes, at the 99th percentile.
        load_p50: The same, median.
        latency_ms: From an input's change to the first sample that it changes at the output, median of the last 64.
        latency_max_ms: The longest of these.
        sounding: Voices that sound.
        voices: Voices that may sound.
        voices_wanted: Voices that would sound on a computer that is fast enough.
        slimmed: Whether fewer voices may sound than asked for, because of the load.
        xruns: Since the start.
        tempo_bpm: Of the MIDI clock; 0 without one.
        scenes: The scene at each place: its name, or its modes; empty: the place is empty.
        scene_names: Only the names; empty: it has none.
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
        jacks: Volts at each of ``actions.CV_JACKS`` that a face may patch; empty: a panel has the jacks.
        outputs: Volts at CV A, CV B and GATE, as they are or would be.
        options: The settings.
        learning: The target that the next controller to move will learn; empty: none.
        page_code: Code with which a computer on the serial line may show this panel; empty: closed. None: there is no
            such line.
        about: Version, board, latency and licence, a line each.
        notice: Something to read for a moment; empty: nothing.
        answer: The answer to the last action that asked for one, for a moment.
        fault: Why the instrument is mute; empty while it plays.
        lost: Whether the card is unplugged.
    """

    bundle: str = ""
    sha256: str = ""
    doing: str = ""
    audio: str = ""
    modes: tuple[str, ...] = ()
    blend: tuple[float, ...] = ()
    hand_blend: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    place: float = 0.0
    timbre: tuple[float, float] = (0.5, 0.5)
    life: float = 1.0
    words: tuple[tuple[str, float | None], ...] = ()
    loudness_db: float = 0.0
    glide_s: float = 0.0
    tune_semitones: float = 0.0
    held: tuple[float, ...] = ()
    levels_db: tuple[float, ...] = ()
    peak_db: float = -80.0
    load: float = 0.0
    load_p50: float = 0.0
    latency_ms: float = 0.0
    latency_max_ms: float = 0.0
    sounding: int = 0
    voices: int = 0
    voices_wanted: int = 0
    slimmed: bool = False
    xruns: int = 0
    tempo_bpm: float = 0.0
    scenes: tuple[str, ...] = ("",) * 16
    scene_names: tuple[str, ...] = ("",) * 16
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
    jacks: tuple[float, ...] = ()
    outputs: tuple[float, float, float] = (0.0, 0.0, 0.0)
    options: tuple[Option, ...] = ()
    learning: str = ""
    page_code: str | None = None
    about: tuple[str, ...] = ()
    notice: str = ""
    answer: Said | None = None
    fault: str = ""
    lost: bool = False
