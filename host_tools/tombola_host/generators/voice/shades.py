"""The directions in which a mode's spectrum moves, and where each recording stands in them.

A frame's log amplitudes are what the trunk says of note, level and time, plus shade @ directions:

    timbre X    the slope over octaves: brighter
    timbre Y    noise up, high partials down: breathier
    dynamics    the slope that a note gains when it is played SHADE_DB louder
    life        principal components of how the spectrum moves within held notes
    wane        how much faster than the level each amplitude of a plucked or struck note falls (``wane``)

They are straight lines in dB, fitted and not trained, so that each knob is monotone by construction, and what moves
within a note is told to the trunk in training instead of being averaged away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import uniform_filter1d
from tombola_device.contract.controls import FRAME_RATE_HZ, SCALAR_COLUMNS
from tombola_device.contract.graph import SHADE_DB, SHADES
from tombola_device.engine.noise import band_centres_hz
from torch import Tensor

from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.corpus import VELOCITY_RANGE_DB
from tombola_host.corpus.windows import LEVEL, NOTE, VELOCITY, ModeData, Note
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.spectrum import DIRECTIONS
from tombola_host.generators.voice.wane import fit_wane

X, Y, DYNAMICS = range(len(SHADES))
WANE = DIRECTIONS - 1
LIFE = slice(len(SHADES), WANE)
KNOBS = {"timbre_x": "brighter", "timbre_y": "breathier"}

NEPER = np.log(10) / 20
LEAST_X_DB, MOST_X_DB = 2.5, 5.0
"""The slope at the end of knob X, dB per octave of partials."""
LEAST_Y_DB, MOST_Y_DB = 6.0, 12.0
"""How much louder the noise is at the end of knob Y."""
Y_SLOPE = -0.25
"""dB per octave of partials for each dB of noise."""
PRIOR_SLOPE_DB, PRIOR_WEIGHT = 2.0, 4.0
"""Without recordings at several dynamics: the slope gained in SHADE_DB, dB per octave; how many notes it is worth."""
LEAST_SLOPE_DB, MOST_SLOPE_DB = 1.5, 4.0
LEAST_HEARD_DB = 0.75
"""The least slope where recordings at several dynamics outweigh the prior."""
SETTLED_S, TREND_S, RISE_S = 0.15, 0.35, 0.1
"""Motion is measured after the attack, around a trend smoothed over this time."""
MOST_SHADE, MOST_LIFE = 1.5, 15.0
"""No recording is told to stand further out than this."""
SOUNDING_DB = 25.0
HEARD_DB, MASKED_DB = 50.0, 60.0
"""Amplitudes this far below a note's level hardly count, and do not count at all."""
THINNED = 3
LOW_PARTIALS, LOW_WEIGHT, NOISE_WEIGHT = 12, 3.0, 0.3
"""Ears follow single low partials; how noise flickers is not heard band by band."""

SLOPED_OCTAVES = 4.0
"""From the 16th partial on a slope is level: what lies there is soft, and would be moved by most."""
LEANING = 0.05
"""How strongly a recording is drawn to the middle of X and Y; without it, one makes up for the other."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Motion:
    """How one note moves around its trend, from ``start`` on.

    Args:
        start: The first frame that counts.
        relative: Residual of the log amplitudes, nepers. Shape (F', H + B).
        cents: Residual of the pitch. Shape (F',).
        level_db: Residual of the level. Shape (F',).
    """

    start: int
    relative: Array
    cents: Array
    level_db: Array


def motion_of(note: Note) -> Motion | None:
    """How a note moves; None for one too short to say."""
    scalars = note.scalars.numpy().astype(np.float64)
    level_db = scalars[:, LEVEL]
    sounding = np.flatnonzero(level_db > level_db.max() - SOUNDING_DB)
    start, stop = round(SETTLED_S * FRAME_RATE_HZ), int(sounding[-1]) + 1
    if stop - start < TREND_S * FRAME_RATE_HZ:
        return None
    part = slice(start, stop)
    return Motion(
        start,
        around_trend(audible(note.relative[part].numpy().astype(np.float64))),
        around_trend(100 * scalars[part, NOTE]),
        around_trend(level_db[part]),
    )


def audible(relative: Array) -> Array:
    """Log amplitudes over a soft floor: what is masked does not move."""
    return np.asarray(np.log(np.exp(relative) + np.exp(-MASKED_DB * NEPER)))


def around_trend(course: Array, ends: int = 1) -> Array:
    """What moves about a trend of TREND_S, which is neither a swell nor a decay. (F, n) → (F, n).

    Args:
        ends: The trend begins and ends at the mean of so many frames.
    """
    size = round(2 * TREND_S * FRAME_RATE_HZ)
    # Reflected around its end points, a straight decay stays straight to its end.
    reach = min(2 * size, len(course) - 1)
    first, last = course[:ends].mean(axis=0), course[-ends:].mean(axis=0)
    before, after = 2 * first - course[reach:0:-1], 2 * last - course[-2 : -reach - 2 : -1]
    smooth = np.concatenate([before, course, after])
    for _ in range(3):  # Three moving averages are nearly a bell, and a hundred times faster.
        smooth = uniform_filter1d(smooth, size, axis=0, mode="nearest")
    return np.asarray(course - smooth[reach : reach + len(course)])


def fit_directions(mode: ModeData) -> Tensor:
    """The directions of a mode. Shape (DIRECTIONS, H + B), nepers per unit of shade."""
    means = np.stack([_mean(note) for note in mode.notes])
    heard = _heard(means)
    directions = np.zeros((DIRECTIONS, means.shape[1]))
    slope_db = dynamics_slope_db(mode)
    octaves, noise = _octaves(mode), _noise(len(heard))
    tonal = octaves * (1 - noise)
    directions[DYNAMICS] = slope_db * tonal * NEPER
    louder = np.array([_louder(note, recorded_db(mode)) for note in mode.notes])
    typical = _over_pitch(mode, means - louder[:, None] * directions[DYNAMICS])
    off = means - louder[:, None] * directions[DYNAMICS] - typical
    unit_y = (noise + Y_SLOPE * tonal) * NEPER
    stands = least_squares(np.stack([tonal * NEPER, unit_y]), off, heard, LEANING)
    reach = np.quantile(np.abs(stands), 0.9, axis=0) if len(stands) > 2 else np.zeros(2)
    # Fitted to partials alone, but noise goes with the partials around it: left where it is, it would be softer beside
    # louder partials, and a note with much noise duller the harder it is struck.
    directions[DYNAMICS] = slope_db * octaves * NEPER
    directions[X] = np.clip(reach[0], LEAST_X_DB, MOST_X_DB) * octaves * NEPER
    directions[Y] = np.clip(reach[1], LEAST_Y_DB, MOST_Y_DB) * unit_y
    directions[LIFE] = _components(mode, heard)
    wane = fit_wane(mode)
    if wane is not None:
        directions[WANE] = wane.rates
    return torch.from_numpy(directions.astype(np.float32))


def shades_of(mode: ModeData, directions: Tensor) -> list[Tensor]:
    """The life of each note of a mode, frame by frame; timbre and dynamics 0. Shapes (F, K).

    Timbre X and Y are the player's alone. Told to the trunk in training, they took from it what differs between notes,
    and held-out notes, at X = Y = 0, became worse: 0.98 against 0.91 (docs/notebook/0008-alive.md).
    """
    rows = directions.numpy().astype(np.float64)
    heard = heard_in(mode)
    return [torch.from_numpy(life_of(note, rows, heard).astype(np.float32)) for note in mode.notes]


def heard_shade(note: Note, knobs: Tensor, living: Tensor, played: Tensor) -> tuple[Tensor, Tensor]:
    """Timbre X and Y, and the life in each frame, that bring a network nearest to a recording. Shapes (2,), (F, L).

    Args:
        knobs: The directions of X and Y. Shape (2, H + B).
        living: Those of life. Shape (L, H + B).
        played: The network's log amplitudes for the note, with its dynamics. Shape (F, H + B).
    """
    turned, moving = (part.numpy().astype(np.float64) for part in (knobs, living))
    weight = _loud(note)
    off = audible(note.relative.numpy().astype(np.float64)) - audible(played.numpy().astype(np.float64))
    settled, heard = (off * weight[:, None]).sum(0) / weight.sum(), _heard(_mean(note)[None])
    at = np.clip(least_squares(turned, settled[None], heard, LEANING)[0], -MOST_SHADE, MOST_SHADE)
    moved = np.zeros((len(off), len(moving)))
    if len(moving) and np.abs(moving).max():
        moved = np.clip(least_squares(moving, off - at @ turned, heard, LEANING), -MOST_LIFE, MOST_LIFE)
    return torch.from_numpy(at.astype(np.float32)), torch.from_numpy(moved.astype(np.float32))


def as_recorded(network: Voice, controls: Tensor, shade: Tensor | None = None) -> Tensor:
    """The shade of recordings, as a network reads it; dynamics 0.

    How loud a recording is says little of how hard its note was played: told to the trunk as dynamics, it made held-out
    notes worse (flute 0.82 → 0.93 with a slope of 2 dB an octave; docs/notebook/0008-alive.md). The player's dynamics
    are counted from the mode's typical recording.

    Args:
        network: Its directions give K.
        controls: Shape (V, F, 7 + M).
        shade: X, Y and life of each window's mode; zeros by default. Shape (V, F, K).

    Returns:
        Shape (V, F, M * K).
    """
    own = controls.new_zeros(*controls.shape[:2], network.directions.shape[1]) if shade is None else shade
    own = torch.cat([own[..., :-1], network.waned(controls)], dim=-1)
    return network.shade_of(controls[..., len(SCALAR_COLUMNS) :], own)


def life_of(note: Note, directions: Array, heard: Array) -> Array:
    """The life of a note in its directions, the others 0. Shape (F, K)."""
    shade = np.zeros((len(note.scalars), len(directions)))
    motion = motion_of(note)
    living = directions[LIFE]
    if motion is None or not np.abs(living).max():
        return shade
    moved = least_squares(living, motion.relative, _followed(heard))
    moved *= np.minimum(np.arange(len(moved)) / (RISE_S * FRAME_RATE_HZ), 1.0)[:, None]
    shade[motion.start : motion.start + len(moved), LIFE] = np.clip(moved, -4.0, 4.0)
    return shade


def heard_in(mode: ModeData) -> Array:
    """How much each amplitude of a mode counts, 0 … 1. Shape (H + B,)."""
    return _heard(np.stack([_mean(note) for note in mode.notes]))


def recorded_db(mode: ModeData) -> float:
    """How much quieter than velocity 1 the recordings were played, median."""
    velocities = [float(note.scalars[0, VELOCITY]) for note in mode.notes]
    return VELOCITY_RANGE_DB * (float(np.median(velocities)) - 1.0)


def dynamics_slope_db(mode: ModeData) -> float:
    """The slope that the partials gain in SHADE_DB, dB per octave: from notes of several dynamics, and a prior."""
    means = np.stack([_mean(note) for note in mode.notes])
    sloped = _heard(means) * (1 - _noise(means.shape[1]))
    slopes = least_squares(_octaves(mode)[None] * NEPER, means, sloped)[:, 0]
    louder = np.array([_louder(note, recorded_db(mode)) for note in mode.notes])
    if len(mode.notes) < 3:
        return PRIOR_SLOPE_DB
    notes = np.array([float(note.scalars[:, NOTE].median()) for note in mode.notes])
    plane = np.stack([np.ones_like(notes), (notes - notes.mean()) / 12, louder], axis=1)
    # Ridge on the last column alone, towards the prior.
    normal, right = plane.T @ plane, plane.T @ slopes
    normal[2, 2] += PRIOR_WEIGHT
    right[2] += PRIOR_WEIGHT * PRIOR_SLOPE_DB
    least_db = LEAST_HEARD_DB if louder @ louder > PRIOR_WEIGHT else LEAST_SLOPE_DB
    return float(np.clip(np.linalg.lstsq(normal, right, rcond=None)[0][2], least_db, MOST_SLOPE_DB))


def _louder(note: Note, mode_db: float) -> float:
    return (VELOCITY_RANGE_DB * (float(note.scalars[0, VELOCITY]) - 1.0) - mode_db) / SHADE_DB


def _loud(note: Note) -> Array:
    """How much each frame counts in a note's mean: its settled, loud part. Shape (F,)."""
    level_db = note.scalars[:, LEVEL].numpy().astype(np.float64)
    weight = np.clip((level_db - level_db.max() + 30.0) / 20.0, 0.0, 1.0)
    settled = np.arange(len(weight)) >= round(SETTLED_S * FRAME_RATE_HZ)
    return np.asarray(np.where(settled, weight, 0.0) + 1e-6)


def _mean(note: Note) -> Array:
    """The mean log amplitudes of a note's loud part. Shape (H + B,)."""
    weight = _loud(note)
    relative = audible(note.relative.numpy().astype(np.float64))
    return np.asarray((relative * weight[:, None]).sum(axis=0) / weight.sum())


def _heard(means: Array) -> Array:
    """How much each amplitude counts, 0 … 1. (N, H + B) → (H + B,)."""
    level = np.log(np.exp(2 * means).mean(axis=0)) / 2
    return np.asarray(np.clip(1.0 + (level - level.max()) / (HEARD_DB * NEPER), 0.02, 1.0))


def _over_pitch(mode: ModeData, means: Array) -> Array:
    """The typical mean spectrum at each note: a straight line over pitch, rather flat. Shape (N, H + B)."""
    notes = np.array([float(note.scalars[:, NOTE].median()) for note in mode.notes])
    plane = np.stack([np.ones_like(notes), (notes - notes.mean()) / 12], axis=1)
    normal = plane.T @ plane + np.diag([0.0, 0.5])
    return np.asarray(plane @ np.linalg.solve(normal, plane.T @ means))


def least_squares(rows: Array, values: Array, weight: Array, leaning: float = 1e-6) -> Array:
    """Coefficients of rows (K, H + B) that explain values (N, H + B), amplitudes weighted, up to a common factor.

    A common factor of all amplitudes is no change of the spectrum: the level takes it.
    """
    share = weight / weight.sum()
    rows = rows - (rows @ share)[:, None]
    values = values - (values @ share)[:, None]
    normal = (rows * weight) @ rows.T
    normal += leaning * np.diag(np.diag(normal)) + 1e-9 * np.eye(len(rows))
    return np.asarray(np.linalg.solve(normal, (rows * weight) @ values.T).T)


def _components(mode: ModeData, heard: Array) -> Array:
    """Directions of life, each of standard deviation 1 over the notes; zeros without motion. Shape (8, H + B)."""
    motions = [motion.relative for motion in map(motion_of, mode.notes) if motion is not None]
    if not motions:
        return np.zeros((WANE - len(SHADES), len(heard)))
    residual = np.concatenate(motions)[::THINNED]
    share = heard / heard.sum()
    residual = residual - (residual @ share)[:, None]
    root = np.sqrt(_followed(heard))
    covariance = (residual * root).T @ (residual * root) / len(residual)
    values, vectors = np.linalg.eigh(covariance)
    best = np.argsort(values)[::-1][: WANE - len(SHADES)]
    rows = vectors[:, best].T * np.sqrt(np.maximum(values[best], 0.0))[:, None] / root
    return np.asarray(rows)


def life_coefficients(note: Note, directions: Tensor) -> tuple[Array, Array, Array] | None:
    """How a note's life moves: cents (F',), dB (F',), directions (F', L); None for too short a note."""
    motion = motion_of(note)
    if motion is None:
        return None
    living = directions.numpy().astype(np.float64)
    moved = np.zeros((len(motion.cents), len(living)))
    if len(living) and np.abs(living).max():
        moved = least_squares(living, motion.relative, _followed(_heard(_mean(note)[None])))
    return motion.cents, motion.level_db, moved


def _followed(heard: Array) -> Array:
    """How much the motion of each amplitude counts. Shape (H + B,)."""
    column = np.arange(len(heard))
    low = np.where((column < LOW_PARTIALS) | (column >= PARTIALS + NOISE_BANDS), LOW_WEIGHT, 1.0)
    return np.asarray(heard * np.where(_noise(len(heard)) > 0, NOISE_WEIGHT, low))


def _octaves(mode: ModeData) -> Array:
    """Octaves above the pitch of what a slope moves: partials, noise about a note in the middle. Shape (H + B + K,)."""
    middle = float(np.median([float(note.scalars[:, NOTE].median()) for note in mode.notes]))
    free = mode.tracks.at(middle) / np.log(2)
    noise = np.log2(np.maximum(band_centres_hz(NOISE_BANDS) / (440 * 2 ** ((middle - 69) / 12)), 1.0))
    octaves = np.concatenate([np.log2(np.arange(1, PARTIALS + 1)), noise, free])
    return np.asarray(np.minimum(octaves, SLOPED_OCTAVES))


def _noise(columns: int) -> Array:
    """1 for each noise band. Shape (columns,)."""
    column = np.arange(columns)
    return np.asarray((column >= PARTIALS) & (column < PARTIALS + NOISE_BANDS), np.float64)
