"""The training loop: control domain first, then sound; resumable at any step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_device.engine.noise import noise_table
from torch import Tensor, nn

from tombola_host.corpus.windows import NOTE, TIMBRE, ModeData, Windows, WindowSampler
from tombola_host.generators.voice.blends import blend_loss
from tombola_host.generators.voice.encoder import TimbreEncoder
from tombola_host.generators.voice.losses import control_loss
from tombola_host.generators.voice.network import SCALARS, Voice
from tombola_host.training.schedule import Schedule
from tombola_host.training.spectral import MultiScaleSpectralLoss

CONTROL_FRAMES, AUDIO_FRAMES = 128, 96
AUDIO_SKIPPED_FRAMES = 8
AUDIO_SIZES = (2048, 512, 128)
"""Half of the sizes that are measured, evenly spread: training on all six costs twice as much for the same error."""
AUDIO_LEARNING_RATE_SHARE = 1 / 3
OFF_KEY_SEMITONES = 1.0
WARM_UP_SHARE = 0.1
BLENDS_FROM_SHARE = 0.4
BLENDS_EVERY = 4
LARGEST_GRADIENT = 1.0
TIMBRE_ORDER_WEIGHT = 0.3
CHECKPOINT_STEPS = 100


class Checkpoint(Protocol):
    """Where an unfinished training is kept."""

    def load(self) -> dict[str, Tensor] | None:
        """What was saved last, or nothing."""

    def save(self, tensors: dict[str, Tensor]) -> None:
        """Replace what was saved, atomically."""


Progress = Callable[[int, int, float], None]
"""Called after each step with steps done, steps in all, and the loss."""


@dataclass(slots=True)
class Trainee:
    """What is trained together: the network and the encoder that finds its timbre."""

    network: Voice
    encoder: TimbreEncoder

    def parameters(self) -> list[nn.Parameter]:
        """Of both."""
        return [*self.network.parameters(), *self.encoder.parameters()]

    def tensors(self) -> dict[str, Tensor]:
        """All weights and constants of both, by name."""
        return {
            **{f"network.{name}": tensor for name, tensor in self.network.state_dict().items()},
            **{f"encoder.{name}": tensor for name, tensor in self.encoder.state_dict().items()},
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """The reverse of ``tensors``."""
        for prefix, module in (("network.", self.network), ("encoder.", self.encoder)):
            own = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
            module.load_state_dict(own)


@dataclass(slots=True)
class History:
    """Losses, one per step."""

    control: list[float] = field(default_factory=list)
    audio: list[float] = field(default_factory=list)


def new_trainee(network: Voice, data: Sequence[ModeData], seed: int) -> Trainee:
    """Start the heads at each mode's mean spectrum, and make an encoder."""
    with torch.no_grad():
        means = [torch.cat([note.relative for note in mode.notes]).mean(0) for mode in data]
        network.spectrum.copy_(torch.stack(means))
    torch.manual_seed(seed)
    return Trainee(network, TimbreEncoder(network.partials + network.noise_bands, network.input.in_features))


class NoiseSource:
    """Windows of the same noise bands that the device plays.

    Args:
        bands: B.
    """

    def __init__(self, bands: int) -> None:
        self._table = torch.from_numpy(noise_table(bands))

    def draw(self, windows: int, frames: int, seed: Sequence[int]) -> Tensor:
        """Shape (W, F, B, T), each window from a place of its own."""
        bands, length = self._table.shape
        samples = frames * PERIOD_SAMPLES
        starts = np.random.default_rng(seed).integers(0, length, windows)
        # All bands from one place: slices are copied ten times faster than a place for each band is gathered.
        slices = [self._looped(int(start), samples) for start in starts]
        return torch.stack(slices).reshape(windows, bands, frames, PERIOD_SAMPLES).transpose(1, 2)

    def _looped(self, start: int, samples: int) -> Tensor:
        parts = []
        while samples > 0:
            part = self._table[:, start : start + samples]
            parts.append(part)
            samples, start = samples - part.shape[1], 0
        return torch.cat(parts, dim=1)


class Training:
    """One training of one trainee.

    The windows and all that is drawn depend only on the seed and the step, so that a resumed training gives the same
    weights as one that was never interrupted.

    Args:
        trainee: Changed in place.
        data: One ``ModeData`` per entry of the blend vector.
        schedule: How long.
        seed: Of everything drawn.
        blends: Whether to learn mixed blends too.
    """

    def __init__(
        self, trainee: Trainee, data: Sequence[ModeData], schedule: Schedule, seed: int, *, blends: bool = False
    ) -> None:
        self._trainee, self._data, self._schedule, self._seed = trainee, data, schedule, seed
        self._blends = blends and len(data) > 1
        self._parameters = trainee.parameters()
        self._noise = NoiseSource(trainee.network.noise_bands)
        self._sound_loss = MultiScaleSpectralLoss(AUDIO_SIZES)

    def run(self, progress: Progress | None = None, checkpoint: Checkpoint | None = None) -> History:
        """Train to the end of the schedule, from the checkpoint if there is one."""
        schedule, history = self._schedule, History()
        total = schedule.control_steps + schedule.audio_steps
        start = 0
        saved = checkpoint.load() if checkpoint else None
        optimizer = self._optimizer()
        if saved is not None:
            start = self._restore(saved, optimizer, history)
        for step in range(start, total):
            in_control = step < schedule.control_steps
            if step == schedule.control_steps:
                optimizer = self._optimizer()
            loss = self._control(step) if in_control else self._audio(step)
            self._descend(loss, optimizer, step)
            (history.control if in_control else history.audio).append(float(loss.detach()))
            if progress:
                progress(step + 1, total, float(loss.detach()))
            if checkpoint and (step + 1) % CHECKPOINT_STEPS == 0 and step + 1 < total:
                checkpoint.save(self._snapshot(step + 1, optimizer, history))
        return history

    def _optimizer(self) -> torch.optim.Adam:
        return torch.optim.Adam(self._parameters, betas=(0.9, 0.99))

    def _descend(self, loss: Tensor, optimizer: torch.optim.Adam, step: int) -> None:
        schedule = self._schedule
        if step < schedule.control_steps:
            rate = schedule.learning_rate * one_cycle(step / schedule.control_steps)
        else:
            done = (step - schedule.control_steps) / schedule.audio_steps
            rate = schedule.learning_rate * AUDIO_LEARNING_RATE_SHARE * one_cycle(done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss.backward()
        # Apart, so that a restless encoder does not slow the network down.
        for module in (self._trainee.network, self._trainee.encoder):
            nn.utils.clip_grad_norm_(module.parameters(), LARGEST_GRADIENT)
        optimizer.step()

    def _draw(self, step: int, count: int, frames: int, shift: float) -> tuple[Windows, Tensor, Tensor]:
        """Windows, their controls with the timbre that the encoder hears, and what keeps that timbre in order."""
        windows = WindowSampler(self._data, frames, (self._seed, step), shift).draw(count)
        encoder, generator = self._trainee.encoder, torch.Generator().manual_seed(self._seed * 1_000_003 + step)
        latent = encoder(windows.relative, windows.controls)
        controls = windows.controls.clone()
        controls[..., TIMBRE] = encoder.disturbed(latent, generator)
        order = encoder.spread_loss(latent, windows.controls[:, 0, SCALARS:])
        return windows, controls, TIMBRE_ORDER_WEIGHT * order

    def _control(self, step: int) -> Tensor:
        network = self._trainee.network
        windows, controls, order = self._draw(step, self._schedule.control_windows, CONTROL_FRAMES, 3.0)
        log_amplitude, _ = network.log_amplitudes(controls)
        audible = network.synthesizer.audible(controls[..., NOTE : NOTE + 1])
        loss = control_loss(log_amplitude, audible, windows.relative, windows.weight) + order
        if self._blends_at(step):
            loss = loss + blend_loss(network, controls.detach(), (self._seed, step))
        return loss

    def _audio(self, step: int) -> Tensor:
        network, count = self._trainee.network, self._schedule.audio_windows
        windows, controls, order = self._draw(step, count, AUDIO_FRAMES, 0.0)
        noise = self._noise.draw(count, AUDIO_FRAMES, (self._seed, step))
        sound, _ = network.sound(*self._heard_off_key(controls, step), noise)
        skipped = AUDIO_SKIPPED_FRAMES * PERIOD_SAMPLES
        loss: Tensor = self._sound_loss(sound[:, skipped:], windows.audio[:, skipped:]) + order
        if self._blends_at(step):
            loss = loss + blend_loss(network, controls.detach(), (self._seed, step))
        return loss

    def _heard_off_key(self, controls: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Amplitudes for a note up to a semitone off, and the pace of the true one.

        A recording cannot be shifted, but the trunk can be told a little less than the truth: it then learns what
        notes near one another have in common.
        """
        network = self._trainee.network
        rng = np.random.default_rng((self._seed, step, 2))
        off = rng.uniform(-OFF_KEY_SEMITONES, OFF_KEY_SEMITONES, (len(controls), 1)).astype(np.float32)
        told = controls.clone()
        told[..., NOTE] += torch.from_numpy(off)
        log_amplitude, _ = network.log_amplitudes(told)
        return network.at_level(log_amplitude, controls[..., :2])

    def _blends_at(self, step: int) -> bool:
        """Blends are mixed from pure modes, so they wait until those are roughly there."""
        return self._blends and step >= BLENDS_FROM_SHARE * self._schedule.control_steps and step % BLENDS_EVERY == 0

    def _snapshot(self, step: int, optimizer: torch.optim.Adam, history: History) -> dict[str, Tensor]:
        tensors = {f"weights.{name}": tensor for name, tensor in self._trainee.tensors().items()}
        for index, parameter in enumerate(self._parameters):
            state = optimizer.state.get(parameter)
            if state:
                for key in ("step", "exp_avg", "exp_avg_sq"):
                    tensors[f"optimizer.{index}.{key}"] = state[key].detach().reshape(-1).clone()
        tensors["step"] = torch.tensor([step])
        tensors["control"] = torch.tensor(history.control, dtype=torch.float64)
        tensors["audio"] = torch.tensor(history.audio, dtype=torch.float64)
        return tensors

    def _restore(self, tensors: dict[str, Tensor], optimizer: torch.optim.Adam, history: History) -> int:
        prefix = "weights."
        self._trainee.load({name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)})
        for index, parameter in enumerate(self._parameters):
            if f"optimizer.{index}.step" in tensors:
                optimizer.state[parameter] = {
                    "step": tensors[f"optimizer.{index}.step"].reshape(()),
                    "exp_avg": tensors[f"optimizer.{index}.exp_avg"].view_as(parameter),
                    "exp_avg_sq": tensors[f"optimizer.{index}.exp_avg_sq"].view_as(parameter),
                }
        history.control, history.audio = tensors["control"].tolist(), tensors["audio"].tolist()
        return int(tensors["step"].item())


def one_cycle(done: float) -> float:
    """Learning rate over a training, relative to its peak: a linear rise, then half a cosine to zero.

    Source: Smith & Topin 2018, "Super-convergence".
    """
    if done < WARM_UP_SHARE:
        return (done + 0.01) / (WARM_UP_SHARE + 0.01)
    return 0.5 + 0.5 * math.cos(math.pi * (done - WARM_UP_SHARE) / (1 - WARM_UP_SHARE))
