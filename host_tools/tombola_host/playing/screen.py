"""What a terminal shows while a bundle is played live: level, blend, dials, and which keys to press. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tombola_device.contract.controls import SILENCE_DB

BAR: Final = 40
LOWEST_DB: Final = -60.0
KEYS: Final = (
    "     2 3   5 6 7   9 0       left, right       blend",
    "    q w e r t y u i o p      up, down          the dial in [ ]; tab chooses it",
    "     s d   g h j             comma, full stop  octave down, up",
    "    z x c v b n m            space             hold, backspace: silence",
)
"""The keys of a US keyboard; other layouts have theirs in the same places."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is shown.

    Args:
        bundle: Name of the bundle.
        output: Name of the sound output.
        modes: Names of the modes. Shape (M,).
        blend: Their weights, in sum 1. Shape (M,).
        peak_db: Highest peak since the last picture, dBFS.
        sounding: Voices that sound.
        voices: Voices that may sound.
        latency_ms: Median time from an input to its sound at the card; 0: not measured yet.
        xruns: Gaps so far.
        lost: Whether the card is unplugged.
        dials: Name and value of each dial; 1: 100 %; None: a word's knob that has not set what sounds.
        dial: Name of the one that the arrows move; empty: there are no letter keys.
        octave: Octaves up.
        holding: Whether notes are held.
        midi: Names of the MIDI inputs.
    """

    bundle: str
    output: str
    modes: tuple[str, ...]
    blend: tuple[float, ...]
    peak_db: float = SILENCE_DB
    sounding: int = 0
    voices: int = 1
    latency_ms: float = 0.0
    xruns: int = 0
    lost: bool = False
    dials: tuple[tuple[str, float | None], ...] = ()
    dial: str = ""
    octave: int = 0
    holding: bool = False
    midi: str = ""


def picture(seen: Seen) -> list[str]:
    """The lines of one picture, always as many.

    >>> lines = picture(Seen("duo", "a card", ("sax", "harp"), (0.75, 0.25), peak_db=-30.0))
    >>> lines[1]
    'level ████████████████████                      -30 dB'
    >>> lines[2]
    'blend sax 75 %, harp 25 %'
    """
    facts = [f"{seen.sounding} of {count(seen.voices, 'voice')}", count(seen.xruns, "gap")]
    if seen.latency_ms:
        facts.append(f"{seen.latency_ms:.0f} ms from key to card")
    where = "the card is unplugged; the sound comes back with it" if seen.lost else f"{seen.bundle} on {seen.output}"
    filled = round(BAR * (1 - min(max(seen.peak_db / LOWEST_DB, 0.0), 1.0)))
    level = f"{seen.peak_db:5.0f} dB" if seen.peak_db > LOWEST_DB else "  silence"
    shares = (f"{name} {share:.0%}".replace("%", " %") for name, share in _sounding(seen))
    shown = ((name, f"{name} {'·' if value is None else f'{value:.0%}'}") for name, value in seen.dials)
    dials = (f"[{text}]" if name == seen.dial else text for name, text in shown)
    octave = f"octave {seen.octave:+d}" if seen.octave else "octave 0"
    state = (*dials, octave, "held" if seen.holding else "not held") if seen.dial else ()
    return [
        f"{where}: {', '.join(facts)}",
        f"level {'█' * filled:{BAR}} {level}",
        f"blend {', '.join(shares)}",
        f"keys  {'  '.join(state).replace('%', ' %')}" if state else f"keys  MIDI only: {seen.midi}",
        *(KEYS if state else ("",) * len(KEYS)),
        f"Ctrl-C ends.  MIDI: {seen.midi}" if seen.midi else "Ctrl-C ends.  No MIDI keyboard is connected.",
    ]


def count(number: int, what: str) -> str:
    """``1 gap``, ``2 gaps``."""
    return f"{number} {what}{'s' * (number != 1)}"


def _sounding(seen: Seen) -> list[tuple[str, float]]:
    """The modes that sound, in the bundle's order."""
    return [(name, share) for name, share in zip(seen.modes, seen.blend, strict=True) if share >= 0.005]
