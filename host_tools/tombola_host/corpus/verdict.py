"""Whether a folder of recordings is ready to be built from; if not, what it is and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from tombola_host.corpus.refusals import NOT_SOUND, OFF_LABEL, SEVERAL_NAMES, UNCERTAIN, UNPITCHED, WANDERING, grouped
from tombola_host.corpus.summary import FEWEST_NOTES, Summary

NOT_READY = 2
"""Exit code. 1 is a command that failed."""
PITCH_TROUBLE = {
    UNPITCHED: "no pitch is heard in {}, as in drums, noise or chords; give single notes of one pitched instrument",
    OFF_LABEL: "the note in the name is not heard in {}; give single notes of one pitched instrument",
    WANDERING: "the pitch never rests in {}, as in speech; record held notes, one after another",
    SEVERAL_NAMES: "the pitch is uncertain in {}, and the names state several notes; leave the one that sounds",
    UNCERTAIN: "the pitch is uncertain in {}; put the note into each file's name, such as A4.wav",
}
"""What a folder is, most of whose files are refused for one of these."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether `tombola build` can make something of a folder.

    Args:
        ready: It can.
        sentence: The same in words, with the reason.
        exit_code: 0 if ready, else ``NOT_READY``.
    """

    ready: bool
    sentence: str

    @property
    def exit_code(self) -> int:
        """What `tombola corpus` exits with."""
        return 0 if self.ready else NOT_READY


def verdict(summary: Summary) -> Verdict:
    """Judge a folder by its summary."""
    reason = _why_not(summary)
    if reason:
        return Verdict(ready=False, sentence=f"Not ready, because {reason}.")
    notes = _count(summary.notes, "note")
    left_out = summary.files - summary.usable
    rest = f" {_count(left_out, 'file')} {'is' if left_out == 1 else 'are'} left out." if left_out else ""
    return Verdict(ready=True, sentence=f"Ready: {notes}, {_duration(summary.seconds)} of sound.{rest}")


def _why_not(summary: Summary) -> str:
    """Half a sentence, or "" for a folder that is ready."""
    if not summary.files:
        return "there is no sound file in it; put recordings of single notes there (wav, flac, ogg, mp3, aiff or m4a)"
    unpitched = [refusal for refusal in summary.refused if refusal.reason in PITCH_TROUBLE]
    files = {refusal.path for refusal in unpitched}
    count = min(len(files), summary.files - summary.usable)
    if 2 * count > summary.files:
        reasons = [refusal.reason for refusal in unpitched]
        return PITCH_TROUBLE[max(reasons, key=reasons.count)].format(_of(count, summary.files))
    most_left_out = 2 * summary.usable < summary.files
    if not summary.clips or (most_left_out and summary.notes < FEWEST_NOTES):
        sounds = [refusal for refusal in summary.refused if refusal.reason != NOT_SOUND]
        usable = f"only {summary.usable}" if summary.usable else "none"
        return f"{usable} of {_count(summary.files, 'file')} can be used; {grouped(sounds)[0]}"
    return ""


def _of(count: int, files: int) -> str:
    if files == 1:
        return "the only file"
    return f"{count} of {files} files" if count < files else f"all {files} files"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {_count(max(round(seconds), 1), 'second')}"
    return f"about {_count(round(seconds / 60), 'minute')}"
