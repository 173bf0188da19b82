"""How the held notes of a mode move: its part of the manifest."""

from __future__ import annotations

import math
import zlib
from itertools import pairwise
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.errors import BadBundle

LOWEST_HZ: Final = 0.3
BANDS_PER_OCTAVE: Final = 4
BANDS: Final = 31
"""Bands of modulation frequencies, a quarter of an octave each, from LOWEST_HZ up: the last ends at 64.6 Hz."""
MAX_LATENTS, MAX_TAKES = 34, 16
COURSE_FRAMES: Final = 2048
"""A course is one loop of so many periods, 5.5 s."""
COURSE_POINTS: Final = 128
"""Points of a loop, 23 a second: what it holds is slower than SLOW_HZ."""
SLOW_HZ: Final = 0.5 * COURSE_POINTS / COURSE_FRAMES * FRAME_RATE_HZ
"""11.7 Hz."""
COURSE_FROM: Final = 56
"""The period of a note at which a course of ``Life.courses`` begins, 0.15 s after the onset."""
COURSE_ENDS, COURSE_AGAIN = 1888, 512
"""A course of an attack is played for so many periods, 5 s. Then a held note goes on from the second of these, 1.4 s,
where the swell of its beginning is over; what dies away stays where it is."""
COURSE_STEP: Final = 1 / 32
"""Of a latent: a signed byte reaches four."""
MAX_ATTACKS, MAX_FOLLOWED = 32, 320
"""Of a mode; of all modes of a bundle whose notes follow them. The tables of one take up to 0.7 MB, and a swap holds
two bundles: 0.5 GB of the 0.7 that systemd/tombola.service grants on a Raspberry Pi with 1 GB. 512 took all of it."""
ATTACK_AT: Final = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 19, 22, 26, 30, 35, 40, 46, 52, 60, 68, 77, 86, 96)
"""The periods of an attack of which rows are kept: a pluck rises in six, and all is over after 0.256 s."""
ATTACK_POINTS: Final = len(ATTACK_AT)
ATTACK_CENTS, ATTACK_DB, ATTACK_UNIT = 1.0, 0.125, 0.125
"""Steps of pitch, of level, and of directions: a signed byte reaches 127 cents, 16 dB and 16 units."""
LONGEST_WANE_S: Final = 8.0
"""A note that dies away changes its spectrum no more after this time, counted at KEYTRACK_NOTE."""
CENTS, LEVEL = 0, 1
"""The first columns of ``Life.mixing``: pitch in cents, level in dB. The directions of the graph follow."""

Share = Annotated[float, Meta(ge=-1e4, le=1e4)]
Row = Annotated[list[Share], Meta(min_length=2, max_length=MAX_LATENTS)]
Spreads = Annotated[list[Annotated[float, Meta(ge=0, le=1e4)]], Meta(min_length=BANDS, max_length=BANDS)]
Take = Annotated[list[Spreads], Meta(min_length=1, max_length=MAX_LATENTS)]


class Attacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How strikes differ: the first moments of recordings, each as a difference from what the graph plays of its note.

    Args:
        notes: The note of each recording, rising. Shape (P,).
        takes: Of each recording a row for each of ATTACK_AT, of signed bytes: pitch in steps of
            ATTACK_CENTS, level in steps of ATTACK_DB, then in steps of ATTACK_UNIT the L directions of the mode's life
            and the S that all modes share; with courses, the S alone. Shape (ATTACK_POINTS, 2 + L + S) each.
        courses: How each recording goes on, like ``Life.courses`` but from its onset, and with all of how it differs
            from what the graph plays: swells, its own timbre, how it dies away; played up to COURSE_ENDS. Compressed
            (zlib, RFC 1950) from shape (P, Q, COURSE_POINTS). Empty: those of ``Life.courses`` are followed.
        velocities: How hard each recording was struck, 0 … 1. Shape (P,). Empty: as hard as each other.
    """

    notes: Annotated[list[Annotated[float, Meta(ge=0, le=127)]], Meta(min_length=1, max_length=MAX_ATTACKS)]
    takes: Annotated[list[Annotated[bytes, Meta(min_length=1)]], Meta(min_length=1, max_length=MAX_ATTACKS)]
    courses: bytes = b""
    velocities: Annotated[list[Annotated[float, Meta(ge=0, le=1)]], Meta(max_length=MAX_ATTACKS)] = msgspec.field(
        default_factory=list
    )

    @property
    def directions(self) -> int:
        """L + S; with courses, S."""
        return len(self.takes[0]) // ATTACK_POINTS - 2

    def __post_init__(self) -> None:
        if {len(take) for take in self.takes} != {ATTACK_POINTS * (2 + self.directions)}:
            raise BadBundle("the attacks of a mode have rows of different lengths; export the bundle again")
        if len(self.notes) != len(self.takes) or any(later < earlier for earlier, later in pairwise(self.notes)):
            raise BadBundle("the attacks of a mode are not one for each of its rising notes; export the bundle again")
        if self.velocities and len(self.velocities) != len(self.notes):
            raise BadBundle("the velocities of a mode are not one for each of its attacks; export the bundle again")

    def followed(self, latents: int) -> bytes:
        """The courses as signed bytes; empty if there are none.

        Args:
            latents: Q.

        Raises:
            BadBundle: They are not zlib's, or not of this length.
        """
        if not self.courses:
            return b""
        size, reader = len(self.notes) * latents * COURSE_POINTS, zlib.decompressobj()
        try:
            found = reader.decompress(self.courses, size + 1)
        except zlib.error:
            found = b""
        if len(found) != size or not reader.eof or reader.unused_data:
            raise BadBundle("the courses of a mode's attacks cannot be unpacked; export the bundle again")
        return found


class Life(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the recordings of a mode moved: latents, mixed into what moves. Slow ones as recorded, fast ones as noise.

    Each take or course is of one recording: its vibrato has that recording's rate and depth. They stand in the
    order of their notes, the lowest first, spread over the mode's range; a note follows one of those near it, or goes
    on as the recording whose attack it drew, if ``attacks`` has courses.

    Args:
        mixing: How far each of Q latents moves the pitch (cents), the level (dB) and each of L directions of the graph;
            where the attacks have courses, each of the S that all modes share instead. Shape (Q, 2 + L).
        takes: Standard deviation of each latent in each band of modulation frequencies. Shape (P, Q, BANDS).
        onset_s: Time after the onset in which the motion grows to its full size.
        attacks: How strikes differ; None: by chance alone.
        courses: How the latents of a recording moved after its attack, more slowly than SLOW_HZ: a loop of
            COURSE_POINTS points for each latent, signed bytes in steps of COURSE_STEP, to which the noise of the takes
            is added. Shape (Q, COURSE_POINTS) each. Empty: all motion is noise.
    """

    mixing: Annotated[list[Row], Meta(min_length=1, max_length=MAX_LATENTS)]
    takes: Annotated[list[Take], Meta(min_length=1, max_length=MAX_TAKES)]
    onset_s: Annotated[float, Meta(ge=0, le=10)] = 0.0
    attacks: Attacks | None = None
    courses: Annotated[list[Annotated[bytes, Meta(min_length=1)]], Meta(max_length=MAX_TAKES)] = msgspec.field(
        default_factory=list
    )

    @property
    def follows(self) -> bool:
        """Whether a note goes on as the recording whose attack it drew."""
        return self.attacks is not None and bool(self.attacks.courses)

    @property
    def directions(self) -> int:
        """L; of a life that follows, S."""
        return len(self.mixing[0]) - 2

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.mixing}
        if len(widths) > 1 or {len(take) for take in self.takes} != {len(self.mixing)}:
            raise BadBundle("the life of a mode has rows of different lengths; export the bundle again")
        if {len(course) for course in self.courses} - {COURSE_POINTS * len(self.mixing)}:
            raise BadBundle("a course of a mode's life has not the length of its latents; export the bundle again")
        if self.attacks is not None:
            self.attacks.followed(len(self.mixing))


def band_edges_hz() -> list[float]:
    """Edges of the bands. Shape (BANDS + 1,)."""
    return [LOWEST_HZ * math.exp2(band / BANDS_PER_OCTAVE) for band in range(BANDS + 1)]
