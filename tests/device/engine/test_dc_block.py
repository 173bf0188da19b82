"""The DC block removes the offset and keeps the sound."""

from __future__ import annotations

import numpy as np
import pytest
from tombola_device.engine.dc_block import DcBlock

RISE = np.arange(1, 129, dtype=np.float32) / np.float32(128)


def corrected(block: DcBlock, period: np.ndarray, *, silent: bool = False) -> np.ndarray:
    """Process sound like the mixer does."""
    if silent and block.fade():
        return period
    out = period + np.float32(block.slope) * RISE + np.float32(block.level)
    block.heard(float(out.mean()))
    return out


def through(sound: np.ndarray) -> np.ndarray:
    block, periods = DcBlock(), sound.astype(np.float32).reshape(-1, 128)
    return np.concatenate([corrected(block, period) for period in periods])


def sine(hz: float, seconds: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * 375) * 128) / 48_000)


def test_offset_fades_without_a_step_and_is_gone_after_three_seconds():
    out = through(np.full(4 * 48_000, 0.25))
    assert abs(out[3 * 48_000 :]).max() < 1e-3
    assert np.abs(np.diff(out)).max() < 1e-4


@pytest.mark.parametrize("hz", [41.2, 110.0, 440.0])
def test_tone_keeps_its_level_and_gets_no_images(hz):
    sound = sine(hz, 6.0)
    out = through(sound)[3 * 48_000 :]
    assert np.sqrt(np.mean(out**2)) == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)
    beside = out - sound[3 * 48_000 : 3 * 48_000 + len(out)]
    assert 20 * np.log10(np.abs(beside).max() / 0.5) < -70
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    bins = np.fft.rfftfreq(len(out), 1 / 48_000)
    images = spectrum[(np.abs(bins - hz) > 10) & (bins > 20)].max() / spectrum.max()
    assert 20 * np.log10(images) < -96


def test_sound_without_offset_is_untouched():
    out = through(sine(375.0, 1.0))  # Whole cycles in each period: their mean is 0.
    np.testing.assert_allclose(out, sine(375.0, 1.0), atol=1e-6)


def test_silence_after_an_offset_is_exact():
    block, quiet = DcBlock(), np.zeros(128, np.float32)
    for _ in range(400):
        corrected(block, np.full(128, 1e-5, np.float32))
    assert np.abs(np.diff(corrected(block, quiet, silent=True))).max() < 1e-6
    assert not corrected(block, quiet, silent=True).any()
