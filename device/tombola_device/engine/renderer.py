"""What makes the sound of a graph's modes: the seam between an engine and the kinds of graphs that it plays."""

from __future__ import annotations

from typing import Protocol

from tombola_device.contract.controls import Controls
from tombola_device.engine.sound import Sound


class Renderer(Protocol):
    """The sound of V voices in the modes of one graph, one period after another.

    Where it writes is known from the start, since onnxruntime binds memory and not arrays: ``sound``. All memory is
    there when it is made. A minimal one, which clicks:

    >>> class Clicks:
    ...     def __init__(self, voices: int) -> None:
    ...         self.sound = Sound(voices, overlap=False, spare=DC_ROWS)
    ...         self.levels_db, self.sounding = [SILENCE_DB] * voices, [False] * voices
    ...
    ...     def take(self, controls: Controls, gate: list[bool], velocity: list[float]) -> None:
    ...         self.velocity = velocity
    ...
    ...     def begin(self, voice: int, sample: int) -> int:
    ...         self.sound.audio[voice, sample], self.sounding[voice] = self.velocity[voice], True
    ...         return sample
    ...
    ...     def render(self) -> None:
    ...         self.sound.count = len(self.sounding) if any(self.sounding) else 0
    ...         for voice, begun in enumerate(self.sounding):
    ...             self.sounding[voice] = False
    ...             if not begun:
    ...                 self.sound.audio[voice] = 0.0
    ...
    ...     def choke(self, voice: int) -> None:
    ...         self.sound.audio[voice] = 0.0
    ...
    ...     def reset(self, voice: int) -> None:
    ...         self.choke(voice)
    ...
    ...     def run(self, voices: int) -> None:
    ...         pass
    """

    sound: Sound
    """Where it writes; it says how many voices it rendered. The one that is mixed first has rows to spare."""
    levels_db: list[float]
    """Level asked of each voice in the last period, SILENCE_DB … 0."""
    sounding: list[bool]
    """Which voices sound."""

    def take(self, controls: Controls, gate: list[bool], velocity: list[float]) -> None:
        """A new frame, before its notes begin; two of its arrays as lists, too. Audio thread."""

    def begin(self, voice: int, sample: int) -> int:
        """A note begins, if it can at that sample of the next period; where it does is returned. Audio thread."""

    def render(self) -> None:
        """Write one period. Audio thread."""

    def choke(self, voice: int) -> None:
        """Silence within one period. Audio thread."""

    def reset(self, voice: int) -> None:
        """Put a voice to rest at once, as if it had never sounded."""

    def run(self, voices: int) -> None:
        """Run the graph alone for the first voices, for whoever measures it or warms it up; no sound is kept."""
