"""What is played in a session, and how a setting plays it: by the instrument's own program, at one loudness."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta
from scipy.signal import butter, sosfiltfilt
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadConfig
from tombola_device.play.offline import PerformedEvent, render_performance

from tombola_host.playing.level import faded
from tombola_host.playing.phrases import fitted
from tombola_host.study.sessions.setting import Setting

TARGET_LUFS: Final = -26.0
"""Low enough for the peaks of plucked sounds; if one has higher peaks, all sounds of a trial go lower together."""
TAIL_S: Final = 0.6
VOICES: Final = 4
LONGEST_S: Final = 20.0
ANCHORS_HZ: Final = {"anchor 3.5 kHz": 3500.0, "anchor 7 kHz": 7000.0}
"""Low-passed references, which show how the scale was used. Source: ITU-R BS.1534-3."""
ANCHOR_ORDER: Final = 10

Note = tuple[
    Annotated[float, Meta(ge=0, le=LONGEST_S)],
    Annotated[float, Meta(gt=0, le=LONGEST_S)],
    Annotated[float, Meta(ge=0, le=127)],
    Annotated[float, Meta(gt=0, le=1)],
]
"""Start, s; length, s; MIDI note number; velocity."""


class Passage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Notes that all settings play.

    Args:
        name: Of the passage.
        notes: The keys.
        reference: A recording of the same, which is hidden among the settings; empty: none.
    """

    name: str
    notes: Annotated[list[Note], Meta(min_length=1, max_length=64)]
    reference: str = ""

    @property
    def seconds(self) -> float:
        """With what rings on."""
        return max(start + length for start, length, *_ in self.notes) + TAIL_S

    @property
    def keys(self) -> tuple[float, ...]:
        """The MIDI notes, each once, rising."""
        return tuple(sorted({note[2] for note in self.notes}))


def built_in(bundle: Bundle) -> Passage:
    """Four notes in the middle of what all modes of a bundle can play, and one long one. 4.4 s."""
    modes = bundle.manifest.modes
    low, high = max(mode.note_range[0] for mode in modes), min(mode.note_range[1] for mode in modes)
    degrees = ((0.0, 0.45, 0), (0.5, 0.45, 2), (1.0, 0.45, 4), (1.5, 0.95, 7), (2.5, 1.3, 3))
    velocities = (0.6, 0.65, 0.7, 0.85, 0.7)
    notes = [
        (start, length, float(fitted(degree, min(low, high), max(low, high))), velocity)
        for (start, length, degree), velocity in zip(degrees, velocities, strict=True)
    ]
    return Passage("phrase", notes)


def rendered(bundle: Bundle, setting: Setting, passage: Passage) -> Float32Array:
    """What the instrument plays, at its own level. Shape (T,).

    Raises:
        BadConfig: The setting sounds none of the bundle's modes.
        BadBundle: The bundle does not play.
    """
    names = [mode.name for mode in bundle.manifest.modes]
    unknown = [name for name, weight in setting.blend.items() if weight > 0 and name not in names]
    if unknown:
        raise BadConfig(
            f"the bundle {bundle.manifest.name!r} has no mode {unknown[0]!r}, which is to be heard; it has "
            f"{', '.join(names)}"
        )
    events = [
        PerformedEvent(0.0, "set_weight", (mode, setting.blend.get(name, 0.0))) for mode, name in enumerate(names)
    ]
    # The highest weight comes first: all zeros for a moment would change nothing.
    events.sort(key=lambda event: -event.arguments[1])
    events += [PerformedEvent(0.0, "set_timbre", (axis, value)) for axis, value in enumerate(setting.timbre)]
    events.append(PerformedEvent(0.0, "set_life", (setting.life,)))
    for start, length, pitch, velocity in passage.notes:
        events.append(PerformedEvent(start, "note_on", (pitch, velocity)))
        events.append(PerformedEvent(start + length, "note_off", (pitch,)))
    return faded(render_performance(bundle, events, seconds=passage.seconds, voices=VOICES))


def anchor(reference: Float32Array, cutoff_hz: float) -> Float32Array:
    """The reference without what is above a frequency. Shape (T,)."""
    sos = butter(ANCHOR_ORDER, cutoff_hz, fs=SAMPLE_RATE_HZ, output="sos")
    return np.asarray(sosfiltfilt(sos, reference), np.float32)
