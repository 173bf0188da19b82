"""A word's knob goes into a bundle: its path into the manifest, so that the instrument has a knob of that name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.graph import TIMBRE
from tombola_device.contract.manifest import Mode
from tombola_device.contract.words import MAX_WORDS, Stop, Word
from tombola_device.engine.gliding import between, position_of

from tombola_host.study.sessions.knobs import Knob
from tombola_host.study.sessions.plan import check_word
from tombola_host.study.sessions.setting import Setting
from tombola_host.study.sessions.ways import STOPS

TURNS: Final = tuple(2 * stop / (STOPS - 1) - 1 for stop in range(STOPS))
_DECIMALS: Final = 4


def worded(bundle: Bundle, knob: Knob) -> Bundle:
    """The same network with a knob; one that bore the word before makes way.

    Raises:
        BadConfig: No knob can bear the word, the bundle has no room for it, or it leads through none of its modes.
    """
    check_word(knob.word)
    manifest = bundle.manifest
    path = [_stop(knob.at(turn), manifest.modes) for turn in TURNS]
    if not all(any(stop.blend) for stop in path):
        raise BadConfig(
            f"the knob {knob.word!r} leads through modes that {manifest.name} does not have; it has no knob"
        )
    others = [word for word in manifest.words if word.name != knob.word]
    if len(others) >= MAX_WORDS:
        names = ", ".join(word.name for word in others)
        raise BadConfig(f"{manifest.name} has {MAX_WORDS} knobs already ({names}); rate the word with another bundle")
    return Bundle(msgspec.structs.replace(manifest, words=[*others, Word(knob.word, path)]), bundle.graphs)


def moved_words(words: Sequence[Word], before: Sequence[Mode], after: Sequence[Mode]) -> list[Word]:
    """The words of modes whose timbre knobs have new middles: each stop sounds as it did.

    Modes can differ in how far their middles moved. Then a stop takes the mean place, by their weights.
    """
    return [Word(word.name, [_moved(stop, before, after) for stop in word.path]) for word in words]


def next_of_word(knob: Knob, bundle: str, seed: int) -> str:
    """A session that rates the stops of the knob, blind: is the word heard to grow? Its text as TOML."""
    stimuli = "".join(_stimulus(name, setting) for name, setting in scenes_of(knob).items())
    return (
        f"# What `tombola session apply` queued: does {json.dumps(knob.word)} grow along the knob?\n"
        f'name = {json.dumps(f"knob {knob.word}")}\nkind = "ratings"\nword = {json.dumps(knob.word)}\n'
        f"bundle = {json.dumps(bundle)}\nseed = {seed + 1}\n{stimuli}"
    )


def scenes_of(knob: Knob) -> Mapping[str, Setting]:
    """The stops of a knob by name, such as ``scary 25``."""
    return {f"{knob.word} {round(50 * (turn + 1))}": knob.at(turn) for turn in TURNS}


def _stop(setting: Setting, modes: Sequence[Mode]) -> Stop:
    blend = [round(setting.blend.get(mode.name, 0.0), _DECIMALS) for mode in modes]
    return Stop(blend, *setting.timbre, setting.life)


def _moved(stop: Stop, before: Sequence[Mode], after: Sequence[Mode]) -> Stop:
    places: list[float] = []
    for column, place in zip(TIMBRE, (stop.timbre_x, stop.timbre_y), strict=True):
        heard = [
            (share, _place(old.controls[column], new.controls[column], place))
            for share, old, new in zip(stop.blend, before, after, strict=True)
            if share and column in old.controls
        ]
        whole = sum(share for share, _ in heard)
        found = sum(share * at for share, at in heard) / whole if whole else place
        places.append(round(min(max(found, 0.0), 1.0), _DECIMALS))
    x, y = places
    return Stop(stop.blend, x, y, stop.life)


def _place(before: Sequence[float], after: Sequence[float], place: float) -> float:
    """Where a knob of another axis gives what this place gave."""
    latent = between(np.array([before], np.float64), np.array([place], np.float32))[0, 0]
    return position_of(after, float(latent))


def _stimulus(name: str, setting: Setting) -> str:
    blend = ", ".join(f"{json.dumps(mode)} = {share:.3f}" for mode, share in setting.blend.items())
    x, y = setting.timbre
    return (
        f"\n[[stimulus]]\nname = {json.dumps(name)}\nblend = {{ {blend} }}\n"
        f"timbre = [{x}, {y}]\nlife = {setting.life}\n"
    )
