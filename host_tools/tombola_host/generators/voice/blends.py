"""Training of mixed blends: half-way between two modes should sound half-way."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tombola_host.generators.voice.losses import normalized
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.spectrum import SCALARS

SHARE = 4
"""One window in four is also played as a blend."""
WEIGHT = 0.3


def moving_blends(windows: int, frames: int, modes: int, rng: np.random.Generator) -> Tensor:
    """Random paths over the blend simplex, mostly along its edges, one per window. Shape (W, F, M)."""
    ends = []
    for _ in range(2):
        ends.append(rng.dirichlet(np.full(modes, 0.5), windows))
    ramp = np.linspace(0.0, 1.0, frames)[None, :, None]
    path = ends[0][:, None] * (1 - ramp) + ends[1][:, None] * ramp
    return torch.from_numpy(path.astype(np.float32))


def blend_loss(network: Voice, controls: Tensor, rng: np.random.Generator) -> Tensor:
    """Distance of a blend's log amplitudes from the blend of the pure modes' log amplitudes.

    The network is its own teacher. Its pure modes, at the same note and level, are mixed in dB with the blend's
    weights. The target has no gradient, so pure modes are not pulled towards each other.

    Args:
        controls: A batch; only its scalars are used. Shape (W, F, 7 + M).
    """
    scalars = controls[::SHARE, :, :SCALARS]
    windows, frames, _ = scalars.shape
    blends = moving_blends(windows, frames, network.modes, rng)
    audible = network.audible(network.note_and_level(torch.cat([scalars, blends], dim=-1)))
    with torch.no_grad():
        target = torch.zeros(windows, frames, network.head.out_features)
        for mode in range(network.modes):
            pure = torch.zeros_like(blends)
            pure[..., mode] = 1.0
            played, _ = network.log_amplitudes(torch.cat([scalars, pure], dim=-1))
            target += blends[..., mode : mode + 1] * normalized(played, audible)
    blended, _ = network.log_amplitudes(torch.cat([scalars, blends], dim=-1))
    # The dB mean of two spectra is quieter than either, so only shapes are compared; the level has its own control.
    distance = (normalized(blended, audible) - normalized(target, audible)).abs()
    return WEIGHT * (distance * audible).sum() / audible.sum()
