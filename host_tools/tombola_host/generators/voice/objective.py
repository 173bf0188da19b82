"""The training of a voice: first on analysed amplitudes, which is a hundred times cheaper, then briefly on sound."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from torch import Tensor

from tombola_host.corpus.windows import NOTE, ModeData, Windows, WindowSampler
from tombola_host.generators.voice.blends import blend_loss
from tombola_host.generators.voice.emphasis import band_emphasis
from tombola_host.generators.voice.losses import control_loss
from tombola_host.generators.voice.noise import noise_source
from tombola_host.generators.voice.shades import as_recorded, shades_of
from tombola_host.generators.voice.trainee import VoiceTrainee
from tombola_host.training.effort import Length
from tombola_host.training.loop import Phase, Turn
from tombola_host.training.objective import Losses
from tombola_host.training.spectral import MultiScaleSpectralLoss
from tombola_host.training.streams import stream, torch_stream

CONTROL_FRAMES, AUDIO_FRAMES = 128, 96
AUDIO_SKIPPED_FRAMES = 8
AUDIO_SIZES = (2048, 512, 128)
"""Half of the window sizes used for measuring, evenly spread: training on all six costs twice as much and gains
nothing."""
SHIFT_SEMITONES = 3.0
OFF_KEY_SEMITONES = 1.0
BLENDS_FROM_SHARE = 0.4
BLENDS_EVERY = 4

Material = tuple[Sequence[ModeData], Sequence[Sequence[Tensor]]]
Batch = tuple[Windows, Tensor, Tensor, torch.Generator]
"""Windows, their controls, their shade, and the random numbers of their latents."""


class _Windows:
    """The batches of both objectives.

    Args:
        trainee: The trainee.
        material: One ``ModeData`` per entry of the blend vector; the shade of each of its notes, shape (F, K).
        count: Windows per batch.
        frames: Length of a window.
        shift_semitones: Largest pitch shift of a window.
        seed: Seed of all streams.
        purpose: The purposes of the streams begin with it.
        blends_from: The first step that also trains mixed blends.
    """

    def __init__(
        self,
        trainee: VoiceTrainee,
        material: Material,
        count: int,
        frames: int,
        shift_semitones: float,
        seed: int,
        purpose: str,
        blends_from: float,
    ) -> None:
        self.trainee, self.data, self.shades = trainee, *material
        self.count, self.frames, self.shift = count, frames, shift_semitones
        self.seed, self.purpose, self.blends_from = seed, purpose, blends_from

    def draw(self, step: int) -> Batch:
        """See Objective."""
        rng = stream(self.seed, f"{self.purpose} windows", step)
        windows = WindowSampler(self.data, self.frames, rng, self.shift).draw(self.count)
        shades = torch.stack([self._shade(*place) for place in windows.places.tolist()])
        shade = as_recorded(self.trainee.network, windows.controls, shades)
        return windows, windows.controls, shade, torch_stream(self.seed, f"{self.purpose} latents", step)

    def facts(self, batch: Batch) -> Tensor:
        """See Informed: the controls, and the amplitudes that they should give. Shape (W, F, 7 + M + H + B)."""
        windows, controls, *_ = batch
        return torch.cat([controls, windows.relative], dim=2)

    def _shade(self, mode: int, note: int, start: int) -> Tensor:
        """Timbre and life of one window. Shape (F, K); after the note's end it stands still."""
        shade = self.shades[mode][note][start : start + self.frames]
        missing = self.frames - len(shade)
        return torch.cat([shade, shade[-1:].expand(missing, -1)]) if missing > 0 else shade

    def with_blends(self, losses: dict[str, Tensor], controls: Tensor, step: int) -> Losses:
        """Add the loss of mixed blends in some steps, once the pure modes are roughly learned."""
        if len(self.data) > 1 and step >= self.blends_from and step % BLENDS_EVERY == 0:
            rng = stream(self.seed, f"{self.purpose} blends", step)
            losses["blend"] = blend_loss(self.trainee.network, controls.detach(), rng)
        return losses


class ControlObjective(_Windows):
    """The distance between amplitudes."""

    def loss(self, batch: Batch, step: int) -> Losses:
        """See Objective."""
        windows, controls, shade, generator = batch
        network, latent = self.trainee.network, self.trainee.latents(windows.places, generator)
        log_amplitude, _ = network.log_amplitudes(controls, shade, latent=latent)
        audible = network.audible(network.note_and_level(controls))
        emphasis = band_emphasis(network, windows, self.data)
        distance = control_loss(log_amplitude, audible, windows.relative, windows.weight, emphasis)
        return self.with_blends({"amplitudes": distance}, controls, step)


class SoundObjective(_Windows):
    """The distance between sounds."""

    _distance = MultiScaleSpectralLoss(AUDIO_SIZES)

    def loss(self, batch: Batch, step: int) -> Losses:
        """See Objective."""
        windows, controls, shade, generator = batch
        network, latent = self.trainee.network, self.trainee.latents(windows.places, generator)
        noise = noise_source(network.noise_bands).draw(
            self.count, self.frames, stream(self.seed, f"{self.purpose} noise", step)
        )
        sound, _ = network.sound(*self._heard_off_key(controls, shade, latent, step), noise)
        skipped = AUDIO_SKIPPED_FRAMES * PERIOD_SAMPLES
        distance: Tensor = self._distance(sound[:, skipped:], windows.audio[:, skipped:])
        return self.with_blends({"sound": distance}, controls, step)

    def _heard_off_key(self, controls: Tensor, shade: Tensor, latent: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Amplitudes for a note up to a semitone off, with the pace of the true note.

        A recording cannot be shifted in pitch, but the trunk can be given a slightly wrong note: it then learns what
        neighbouring notes have in common.
        """
        network = self.trainee.network
        rng = stream(self.seed, f"{self.purpose} off key", step)
        off = rng.uniform(-OFF_KEY_SEMITONES, OFF_KEY_SEMITONES, (len(controls), 1))
        told = controls.clone()
        told[..., NOTE] += torch.from_numpy(off).float()
        log_amplitude, _ = network.log_amplitudes(told, shade, latent=latent)
        return network.at_level(log_amplitude, network.note_and_level(controls, shade))


def voice_phases(
    trainee: VoiceTrainee, data: Sequence[ModeData], length: Length, seed: int, purpose: str
) -> tuple[Phase, Phase]:
    """First the control domain, then sound."""
    blends_from = BLENDS_FROM_SHARE * length.control_steps
    shades = [shades_of(mode, own) for mode, own in zip(data, trainee.network.directions, strict=True)]
    shared = seed, purpose, blends_from
    control = ControlObjective(
        trainee, (data, shades), length.control_windows, CONTROL_FRAMES, SHIFT_SEMITONES, *shared
    )
    sound = SoundObjective(trainee, (data, shades), length.audio_windows, AUDIO_FRAMES, 0.0, *shared)
    rate = length.learning_rate
    return (
        Phase("control", (Turn(control),), length.control_steps, rate),
        Phase("audio", (Turn(sound),), length.audio_steps, rate * length.audio_rate),
    )
