"""The load probe: whether a bundle that is whole also plays on this device."""

from __future__ import annotations

from typing import Final

import numpy as np

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import SCALAR_COLUMNS, SILENCE_DB
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.manifest import Mode
from tombola_device.engine.session import Session

PROBE_PERIODS: Final = 8
PROBE_VOICES: Final = 2
PROBE_DB: Final = -20.0
LOUDEST: Final = 100.0
"""40 dB over full scale: the limiter holds less, but what is beyond this is no sound that anybody trained."""


def probe_bundle(bundle: Bundle) -> None:
    """Load a bundle's graph, check its tensors against the manifest, and play the ends of each mode's range on it.

    Raises:
        BadBundle: The graph reaches outside the bundle, cannot be loaded or run, has other tensors than the manifest
            says, or what it plays is not finite or beyond all measure.
    """
    session = Session(bundle.onnx, bundle.manifest, PROBE_VOICES)
    rng = np.random.default_rng(0)
    for index, mode in enumerate(bundle.manifest.modes):
        for period in range(PROBE_PERIODS):
            last = period == PROBE_PERIODS - 1
            session.controls.fill(0.0)
            session.controls[:, : len(SCALAR_COLUMNS)] = _columns(mode, SILENCE_DB if last else PROBE_DB)
            session.controls[:, len(SCALAR_COLUMNS) + index] = 1.0
            session.noise[:] = rng.standard_normal(session.noise.shape)
            _run(session)
            if not np.isfinite(session.audio).all() or np.abs(session.audio).max() > LOUDEST:
                raise BadBundle(f"the graph plays no usable sound in mode {mode.name!r}; train or export it again")
            if not np.isfinite(session.state).all():
                raise BadBundle(f"the graph's state runs away in mode {mode.name!r}; train or export it again")


def _columns(mode: Mode, loudness_db: float) -> np.ndarray:
    """Controls of an onset, the lowest note in one voice and the highest in the other. Shape (V, 7)."""
    row = dict.fromkeys(SCALAR_COLUMNS, 1.0) | {"timbre_x": mode.timbre_x[1], "timbre_y": mode.timbre_y[1]}
    row["loudness_db"] = loudness_db
    return np.array([[(row | {"note": note})[name] for name in SCALAR_COLUMNS] for note in mode.note_range], np.float32)


def _run(session: Session) -> None:
    try:
        session.run(PROBE_VOICES)
    except Exception as error:  # The runtime's own exceptions share no base but Exception.
        reason = str(error).replace("\n", " ").strip()[:200]
        raise BadBundle(f"the bundle's graph cannot be run ({reason}); export the bundle again") from error
