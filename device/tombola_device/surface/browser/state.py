"""What a page is told of a view, field by field (docs/browser.md). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import SAMPLE_RATE_HZ
from tombola_device.contract.graph import TIMBRE
from tombola_device.contract.manifest import Mode, Recording
from tombola_device.engine.gliding import position_of
from tombola_device.hal.audio.open import IN_BROWSER
from tombola_device.surface.actions import CV_JACKS
from tombola_device.surface.hands import LOUDNESS_KNOB_DB, WEIGHT_KNOBS
from tombola_device.surface.oled.leds import levels
from tombola_device.surface.view import View

AS_THEY_ARE: Final = (
    "doing", "audio", "modes", "sounding", "voices", "voices_wanted", "slimmed", "xruns", "previous", "confirmed",
    "owners", "pairing", "asking_key", "asking_bundle", "allowed_bundle", "calibration", "learning", "about", "notice",
    "fault", "lost",
)  # fmt: skip
ROUNDED: Final = {
    "place": 4, "life": 3, "loudness_db": 2, "glide_s": 4, "tune_semitones": 3, "peak_db": 1, "load": 3, "load_p50": 3,
    "latency_ms": 1, "latency_max_ms": 1, "tempo_bpm": 1, "flashing": 3, "pitch_volts": 3,
}  # fmt: skip
"""Digits behind the point: what nobody can see must not make a message."""
OUTPUTS: Final = ("CV_A", "CV_B", "GATE_OUT")
ERROR_KEY: Final = "error_{}"
"""Where a bundle's provenance may state the error of a mode."""


def state_of(view: View, now_s: float) -> dict[str, Any]:
    """The fields that follow from a view.

    Args:
        view: The instrument.
        now_s: Seconds, for lamps that blink.
    """
    state: dict[str, Any] = {name: getattr(view, name) for name in AS_THEY_ARE}
    state |= {name: round(getattr(view, name), digits) for name, digits in ROUNDED.items()}
    state |= {
        "blend": _rounded(view.blend, 4),
        "hand_blend": _rounded(view.hand_blend, 4),
        "timbre": _rounded(view.timbre, 4),
        "words": tuple(
            {"name": name, "place": place if place is None else round(place, 4)} for name, place in view.words
        ),
        "levels_db": _rounded(view.levels_db, 1),
        "held": _rounded(view.held, 2),
        "gate": bool(view.held),
        "headroom": round(1 - view.load, 3),
        "sound_here": view.audio == IN_BROWSER,
        "jacks": dict(zip(CV_JACKS, _rounded(view.jacks, 2), strict=True)) if view.jacks else None,
        "outputs": dict(zip(OUTPUTS, _rounded(view.outputs, 1), strict=True)),
        "lamps": tuple(_rounded(lamp, 2) for lamp in levels(view, now_s)),
        "knobs": _rounded(knobs_of(view), 4),
        "scenes": tuple(
            {"words": words, "name": name} for words, name in zip(view.scenes, view.scene_names, strict=True)
        ),
        "options": tuple(
            {"name": row.name, "choices": row.choices, "chosen": row.chosen, "waits": row.waits} for row in view.options
        ),
    }
    return state


def knobs_of(view: View) -> tuple[float, ...]:
    """Positions of the panel's eight knobs, 0 … 1, that mean what holds now; see ``surface.hands``."""
    weights = (*view.weights, *(0.0,) * WEIGHT_KNOBS)[:WEIGHT_KNOBS]
    return (*weights, *view.timbre, min(max(view.loudness_db / LOUDNESS_KNOB_DB + 1.0, 0.0), 1.0))


def facts_of(bundle: Bundle, sha256: str) -> dict[str, Any]:
    """What a page is told of a bundle."""
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "sha256": sha256,
        "generator": manifest.generator,
        "licence": manifest.licence,
        "delay_ms": round(1000 * manifest.delay_samples / SAMPLE_RATE_HZ, 2),
        "cost": {name: getattr(manifest.cost, name) for name in manifest.cost.__struct_fields__},
        "modes": [_mode(mode, manifest.provenance) for mode in manifest.modes],
    }


def _mode(mode: Mode, provenance: Mapping[str, object]) -> dict[str, Any]:
    low, high = mode.note_range
    error = provenance.get(ERROR_KEY.format(mode.name))
    return {
        "name": mode.name,
        "color": mode.color,
        "low": low,
        "high": high,
        "gate": mode.gate,
        "licence": mode.licence,
        "knobs": dict(mode.knobs),
        "error": round(error, 3) if isinstance(error, int | float) else None,
        "recordings": [(each.name, each.note, *_place(mode, each)) for each in mode.recordings],
    }


def _place(mode: Mode, recording: Recording) -> tuple[float, ...]:
    """Where a recording lies on the timbre pad, by the axes on which the mode plays."""
    latents = (recording.timbre_x, recording.timbre_y)
    return _rounded([position_of(mode.controls[axis], at) for axis, at in zip(TIMBRE, latents, strict=True)], 3)


def _rounded(numbers: Sequence[float], digits: int) -> tuple[float, ...]:
    return tuple(round(number, digits) for number in numbers)
