"""Fitting the wane to notes whose partials fall at known speeds, and playing it alike in training and on the device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ, ONSET_SLOW_S, SCALAR_COLUMNS
from tombola_device.contract.life import LONGEST_WANE_S
from tombola_device.contract.manifest import KEYTRACK_NOTE
from tombola_device.engine.wane import waned_s
from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.windows import LEVEL, NOTE, ModeData, Note
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.shades import WANE, as_recorded, fit_directions
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.generators.voice.spectrum import DIRECTIONS
from tombola_host.generators.voice.wane import NEPER, fit_wane

RATES_DB = -4.0 * np.arange(6)
"""Of the first partials, dB per second over the level at KEYTRACK_NOTE."""


def plucked(pitch: float, keytrack: float = 1.5, fall_db: float = 15.0, seconds: float = 2.0) -> Note:
    """A note whose partials fall faster the higher they are; its level falls, too."""
    time_s = np.arange(round(seconds * FRAME_RATE_HZ)) / FRAME_RATE_HZ
    speed = 2 ** (keytrack * (pitch - KEYTRACK_NOTE) / 12)
    relative_db = np.full((len(time_s), PARTIALS + NOISE_BANDS), -90.0)
    relative_db[:, : len(RATES_DB)] = -3.0 * np.arange(6) + speed * RATES_DB * time_s[:, None]
    scalars = np.zeros((len(time_s), len(SCALAR_COLUMNS)))
    scalars[:, NOTE], scalars[:, LEVEL] = pitch, -10.0 - fall_db * time_s
    made = (torch.from_numpy(array.astype(np.float32)) for array in (scalars, relative_db * NEPER))
    return Note(f"{pitch}", *made, torch.zeros(128 * len(time_s)))


def mode_of(*notes: Note) -> ModeData:
    return ModeData("plucked", 0.0, notes)


def test_rates_and_keytrack_are_found() -> None:
    found = fit_wane(mode_of(*(plucked(pitch) for pitch in (36, 48, 60, 72))))
    assert found is not None
    assert found.keytrack == pytest.approx(1.5, abs=0.13)
    np.testing.assert_allclose(found.rates[:6] / NEPER, RATES_DB, atol=0.15 * 20)


def test_higher_partials_never_fall_slower() -> None:
    found = fit_wane(mode_of(*(plucked(pitch) for pitch in (36, 48, 60, 72))))
    assert found is not None
    assert (np.diff(found.rates[:PARTIALS]) <= 1e-12).all()


def test_a_held_mode_has_no_wane_and_a_direction_of_zeros() -> None:
    held = mode_of(*(plucked(pitch, fall_db=1.0) for pitch in (48, 60, 72)))
    assert fit_wane(held) is None
    assert not fit_directions(held)[WANE].any()


def test_two_notes_are_too_few() -> None:
    assert fit_wane(mode_of(plucked(48), plucked(72))) is None


@pytest.mark.parametrize("note", [40.0, 60.0, 80.0])
def test_training_and_device_wane_alike(note: float) -> None:
    network = Voice(2, VoiceSize(2, 2))
    network.wane[1] = torch.tensor([1.0, 1.25])
    time_s = torch.arange(0, 12, 0.5)
    controls = torch.zeros(1, len(time_s), len(SCALAR_COLUMNS) + 2)
    controls[..., NOTE], controls[..., -1] = note, 1.0
    controls[0, :, SCALAR_COLUMNS.index("onset_slow")] = torch.exp(-time_s / ONSET_SLOW_S)
    shade = as_recorded(network, controls)[0]
    expected = [waned_s(float(second), note, 1.25) for second in time_s]
    np.testing.assert_allclose(shade[:, -1].numpy(), expected, rtol=1e-3, atol=1e-3)
    assert shade.shape[1] == 2 * DIRECTIONS
    assert float(shade[:, :-1].abs().max()) == 0.0
    assert max(expected) <= LONGEST_WANE_S
