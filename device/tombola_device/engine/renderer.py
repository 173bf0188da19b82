"""Renders the modes of one graph: the seam between the engine and the kinds of graphs."""

from __future__ import annotations

from typing import Protocol

from tombola_device.contract.controls import Controls
from tombola_device.engine.sound import Sound


class Renderer(Protocol):
    """The sound of V voices in the modes of one graph, one period after another.

    A renderer writes to the same memory, ``sound``, from the start, because onnxruntime binds memory and not arrays. It
    allocates all memory when it is made. A minimal one, which clicks:

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
    """The memory to write; its ``count`` is the number of rendered voices. The first renderer's sound has spare
    rows."""
    levels_db: list[float]
    """Target level of each voice in the last period, SILENCE_DB … 0."""
    sounding: list[bool]
    """Whether each voice sounds."""

    def take(self, controls: Controls, gate: list[bool], velocity: list[float]) -> None:
        """Read a new frame, before its notes begin; ``gate`` and ``velocity`` are also given as lists. Audio thread."""

    def begin(self, voice: int, sample: int) -> int:
        """Begin a note at that sample of the next period if possible; return the sample it got. Audio thread."""

    def render(self) -> None:
        """Write one period. Audio thread."""

    def choke(self, voice: int) -> None:
        """Silence a voice within one period. Audio thread."""

    def reset(self, voice: int) -> None:
        """Put a voice to rest at once; nothing of its last note remains."""

    def run(self, voices: int) -> None:
        """Run only the graph, for the first voices, to warm it up or to measure it; the sound is not played."""
