"""From a plan to a session's folder: bundles are copied, everything is rendered and brought to one loudness."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import BadBundle, BadConfig

from tombola_host.playing.loudness import matched
from tombola_host.progress import Step
from tombola_host.study.sessions.passage import ANCHORS_HZ, LONGEST_S, TARGET_LUFS, Passage, anchor, built_in, rendered
from tombola_host.study.sessions.plan import Plan, StimulusPlan
from tombola_host.study.sessions.session import (
    REFERENCE,
    Session,
    Sheet,
    Stimulus,
    check_new,
    read_sound,
    write_session,
)
from tombola_host.study.sessions.setting import Setting, Space
from tombola_host.study.sessions.trials import stream
from tombola_host.study.sessions.tuning import spread

RENDERING: Final = "rendering"


@dataclass
class _Shelf:
    """The bundles of a session, each read once."""

    root: Path
    data: dict[str, bytes] = field(default_factory=dict)
    read: dict[str, tuple[str, Bundle]] = field(default_factory=dict)

    def take(self, name: str) -> tuple[str, Bundle]:
        """Hash and content of a bundle's file."""
        if name not in self.read:
            path = self.root / name
            try:
                data = path.read_bytes()
            except OSError as error:
                raise BadConfig(f"the bundle {path} cannot be read ({error.strerror}); correct its path") from error
            try:
                bundle = decode_bundle(data)
            except BadBundle as error:
                raise BadConfig(f"{path} cannot be heard: {error}") from error
            sha256 = hashlib.sha256(data).hexdigest()
            self.data[sha256], self.read[name] = data, (sha256, bundle)
        return self.read[name]


def make_session(plan: Plan, root: Path, folder: Path, step: Step) -> Session:
    """Render a session.

    Args:
        plan: What is compared.
        root: What paths in the plan are relative to.
        folder: Where to write it; there must be no session yet.
        step: Told of each sound.

    Raises:
        BadConfig: A bundle, mode or recording is missing.
        StoreError: It cannot be written.
    """
    check_new(folder)
    shelf = _Shelf(root)
    stimuli = _stimuli(plan, shelf)
    first = shelf.take(plan.bundle)[1] if plan.bundle else next(iter(shelf.read.values()))[1]
    passages = _passages(plan, first)
    sounds: dict[str, Float32Array] = {}
    files: dict[str, dict[str, str]] = {}
    if plan.kind != "tune":
        bundles = dict(shelf.read.values())
        total = len(passages) * len(stimuli)
        for passage in passages:
            heard = {
                name: rendered(bundles[stimulus.bundle], stimulus.setting, passage)
                for name, stimulus in stimuli.items()
                if stimulus.bundle and stimulus.setting is not None
            }
            if passage.reference:
                heard |= _references(root / passage.reference)
            files[passage.name] = {}
            for (name, _), audio in zip(heard.items(), matched(list(heard.values()), TARGET_LUFS), strict=True):
                files[passage.name][name] = file = f"{len(sounds) + 1:03}.flac"
                sounds[file] = audio
                step(len(sounds), max(total, len(sounds)), f"{passage.name}, {name}")
        stimuli |= {name: Stimulus() for names in files.values() for name in names if name not in stimuli}
    tuned = plan.kind == "tune"
    sheet = Sheet(
        plan.name,
        plan.kind,
        plan.asked,
        plan.word,
        plan.votes,
        plan.repeats,
        plan.minutes,
        plan.seed,
        stimuli,
        passages,
        files,
        shelf.take(plan.bundle)[0] if tuned else "",
        [mode.name for mode in first.manifest.modes] if tuned else [],
        plan.options,
    )
    return write_session(folder, sheet, shelf.data, sounds)


def _stimuli(plan: Plan, shelf: _Shelf) -> dict[str, Stimulus]:
    stimuli = {}
    for each in plan.stimulus:
        if not (each.bundle or plan.bundle):
            raise BadConfig(f"the stimulus {each.name!r} names no bundle; give it `bundle`, or the whole session one")
        sha256, bundle = shelf.take(each.bundle or plan.bundle)
        stimuli[each.name] = Stimulus(sha256, _setting(each, bundle))
    if plan.settings:
        sha256, bundle = shelf.take(plan.bundle)
        space = Space(tuple(mode.name for mode in bundle.manifest.modes))
        points = spread(space, plan.settings, stream(plan.seed, "settings"))
        stimuli |= {f"setting {n}": Stimulus(sha256, space.setting(point)) for n, point in enumerate(points, 1)}
    return stimuli


def _setting(plan: StimulusPlan, bundle: Bundle) -> Setting:
    return Setting(plan.blend or {bundle.manifest.modes[0].name: 1.0}, plan.timbre, plan.life)


def _passages(plan: Plan, bundle: Bundle) -> list[Passage]:
    phrase = built_in(bundle)
    if not plan.passage:
        return [phrase]
    return [Passage(each.name, each.notes or phrase.notes, each.reference) for each in plan.passage]


def _references(path: Path) -> Mapping[str, Float32Array]:
    """The recording, which is hidden among the stimuli, and its anchors."""
    audio = read_sound(path, LONGEST_S)
    return {REFERENCE: audio, **{name: anchor(audio, cutoff_hz) for name, cutoff_hz in ANCHORS_HZ.items()}}
