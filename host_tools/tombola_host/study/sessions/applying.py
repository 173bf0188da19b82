"""What a session teaches the instrument: scenes, a default timbre, knobs, weights of a training, and the next session.

votes ─┬─► scenes.json    what was preferred, and the stops of a knob: the instrument's own scenes
       ├─► knobs.json     words and their directions
       ├─► weights.json   `tombola build --weights`
       ├─► next.toml      before against after, blind
       └─► tuned.tombola  the same network, with the timbre that was found in its knobs' middle, and its blend to begin
                          with; or with a knob that bears the word
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from tombola_device.contract.bundle import Bundle, encode_bundle
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.graph import TIMBRE

from tombola_host.corpus.weights import ModeWeights, Weights
from tombola_host.runs.store import write_atomically
from tombola_host.study.sessions.ballot import BANDS, WHOLE
from tombola_host.study.sessions.knobs import Knob, knob_of
from tombola_host.study.sessions.passage import Passage
from tombola_host.study.sessions.results import Results
from tombola_host.study.sessions.session import bundle_path
from tombola_host.study.sessions.setting import Setting, Space
from tombola_host.study.sessions.tuning import Tuner
from tombola_host.study.sessions.wording import moved_words, next_of_word, scenes_of, worded

STRENGTH: Final = 3.0
"""What is marked by everybody, every time, counts four times as much."""
CALM: Final = 2.0
"""Hearings without a mark that are added to each: two marks out of two are less sure than ten out of ten."""
LEAST_WEIGHT: Final = 1.05
SCENES, KNOBS, WEIGHTS, NEXT, TUNED = "scenes.json", "knobs.json", "weights.json", "next.toml", "tuned.tombola"


@dataclass(frozen=True, slots=True)
class Learned:
    """What a session says.

    Args:
        scenes: By name.
        knob: Of the session's word.
        weights: None: nothing was marked as wrong.
        next: The next session's file; empty: none.
        tuned: The bundle with its new default, or its new knob; None: none was found.
        said: What was learned, and what not, in sentences.
    """

    scenes: Mapping[str, Setting]
    knob: Knob | None = None
    weights: Weights | None = None
    next: str = ""
    tuned: Bundle | None = None
    said: list[str] = field(default_factory=list)


def learn(results: Results) -> Learned:
    """Draw the conclusions of a session.

    Raises:
        BadConfig: Nobody has voted, or the word leads nowhere.
    """
    sheet = results.session.sheet
    if not results.votes:
        raise BadConfig(f"nobody has voted in {results.session.folder} so far; let somebody listen first")
    said: list[str] = []
    weights = weights_of(results)
    if sheet.kind == "abx":
        scenes: dict[str, Setting] = {}
    elif sheet.word:
        return _word(results, weights)
    else:
        scenes = _winners(results, said)
    tuned = None
    if sheet.kind == "tune":
        tuned = retuned(results.session.bundle(sheet.bundle), next(iter(scenes.values())))
    following = _next(results, weights, next(iter(scenes.values())) if tuned is not None else None)
    if weights is None:
        said.append("nothing was marked as wrong, so a training has nothing new to attend to")
    return Learned(scenes, None, weights, following, tuned, said)


def write_learned(learned: Learned, results: Results, folder: Path) -> list[Path]:
    """Write what was learned into a folder; what is there under the same names is replaced.

    Raises:
        StoreError: It cannot be written.
    """
    files: dict[str, bytes] = {}
    if learned.scenes:
        scenes = {name: msgspec.to_builtins(setting) for name, setting in learned.scenes.items()}
        files[SCENES] = _readable(scenes)
    if learned.knob is not None:
        files[KNOBS] = _readable({learned.knob.word: _facts(learned.knob)})
    if learned.weights is not None:
        files[WEIGHTS] = _readable(msgspec.to_builtins(learned.weights, str_keys=True))
    if learned.tuned is not None:
        files[TUNED] = encode_bundle(learned.tuned)
    if learned.next:
        files[NEXT] = learned.next.replace("SESSION", _from(folder, results.session.folder)).encode()
    for name, data in files.items():
        write_atomically(folder / name, data)
    return [folder / name for name in files]


def weights_of(results: Results) -> Weights | None:
    """What counts more in the next training: notes, modes and bands by how often they were marked, of those heard.

    A mark belongs to the modes that sounded, by their share of the blend, and to all notes of the passage; a mark on a
    band to the band too. None: there is no mark.
    """
    heard: dict[tuple[str, object], float] = {}
    marked: dict[tuple[str, object], float] = {}
    for said in results.counted:
        for vote in said.votes:
            # ABX plays one of two again: a mark on X would count its modes twice.
            for letter, each in vote.heard.items():
                if each.setting is None or letter == "X":
                    continue
                marks = vote.marks.get(letter, [])
                for mode, share in each.setting.strongest():
                    for thing in ("mode", *each.passage.keys, *BANDS):
                        heard[mode, thing] = heard.get((mode, thing), 0.0) + share
                        wrong = bool(marks) if thing not in BANDS else thing in marks and WHOLE not in marks
                        marked[mode, thing] = marked.get((mode, thing), 0.0) + share * wrong
    if not any(marked.values()):
        return None
    found: dict[str, ModeWeights] = {}
    for mode in dict.fromkeys(mode for mode, _ in heard):
        own = {thing: _weight(marked[mode, thing], heard[mode, thing]) for name, thing in heard if name == mode}
        notes = {thing: weight for thing, weight in own.items() if isinstance(thing, float) and weight >= LEAST_WEIGHT}
        bands = [(*limits, own[name]) for name, limits in BANDS.items() if own[name] >= LEAST_WEIGHT]
        weights = ModeWeights(own["mode"] if own["mode"] >= LEAST_WEIGHT else 1.0, notes, bands)
        if weights != ModeWeights():
            found[mode] = weights
    sheet = results.session.sheet
    return Weights(found, f"session {sheet.name}, {results.votes} votes of {len(results.counted)} listeners")


def retuned(bundle: Bundle, setting: Setting) -> Bundle:
    """The same network with a new default for all its modes.

    Its knobs stand at the setting's timbre when they are in the middle; both ends of a knob stay where they are. It
    begins with the setting's blend, if it has its modes. The stops of its words sound as before.
    """
    modes = []
    for mode in bundle.manifest.modes:
        controls = dict(mode.controls)
        for axis, column in enumerate(TIMBRE):
            if column in controls:
                low, middle, high = controls[column]
                knob = setting.timbre[axis]
                found = low + (middle - low) * 2 * knob if knob < 0.5 else middle + (high - middle) * (2 * knob - 1)
                controls[column] = (low, round(found, 4), high)
        modes.append(msgspec.structs.replace(mode, controls=controls))
    blend = [round(setting.blend.get(mode.name, 0.0), 4) for mode in modes]
    begins = blend if any(blend) else bundle.manifest.blend
    words = moved_words(bundle.manifest.words, bundle.manifest.modes, modes)
    return Bundle(msgspec.structs.replace(bundle.manifest, modes=modes, blend=begins, words=words), bundle.graphs)


def _weight(marked: float, heard: float) -> float:
    return round(1 + STRENGTH * marked / (heard + CALM), 3)


def _winners(results: Results, said: list[str]) -> dict[str, Setting]:
    """The setting that was preferred, under the session's name."""
    session, sheet = results.session, results.session.sheet
    if sheet.kind == "tune":
        best = session.space.setting(Tuner(session.space, sheet.seed).best(results.choices(session.space)))
        said.append(f"preferred: {best.words}")
        return {sheet.name: best}
    if sheet.kind == "ratings":
        scores = {name: interval.value for name, interval in results.ratings().items() if name in sheet.compared}
    else:
        strengths, _ = results.strengths()
        scores = dict(zip(strengths.names, strengths.strength.tolist(), strict=True))
    winner = max(scores, key=lambda name: scores[name])
    setting = sheet.stimuli[winner].setting
    assert setting is not None
    said.append(f"preferred: {winner} ({setting.words})")
    return {sheet.name: setting}


def _word(results: Results, weights: Weights | None) -> Learned:
    session = results.session
    modes = list(session.sheet.space)
    for stimulus in session.sheet.stimuli.values():
        if stimulus.setting is not None:
            modes += [mode for mode in stimulus.setting.blend if mode not in modes]
    knob = knob_of(results, Space(tuple(modes)))
    if not knob.good:
        raise BadConfig(
            f"{knob.word!r} is no knob yet: the {knob.scores} scores foretell each other no better than shuffled ones "
            f"(correlation {knob.agreement:.2f}); ask more listeners, or for more settings"
        )
    ways = ", ".join(f"{name} {value:+.2f}" for name, value in knob.names.items() if abs(value) > 0.1)
    said = [f"{knob.word}: {ways} (correlation {knob.agreement:.2f})"]
    bundles = {stimulus.bundle for stimulus in session.sheet.stimuli.values() if stimulus.bundle}
    bundles |= {session.sheet.bundle} - {""}
    if len(bundles) > 1:
        said.append("several bundles were compared, so none of them got the knob")
        return Learned(scenes_of(knob), knob, weights, said=said)
    (sha256,) = bundles
    try:
        tuned = worded(session.bundle(sha256), knob)
    except BadConfig as error:
        said.append(str(error))
        return Learned(scenes_of(knob), knob, weights, said=said)
    following = next_of_word(knob, bundle_path(Path("SESSION"), sha256).as_posix(), session.sheet.seed)
    return Learned(scenes_of(knob), knob, weights, following, tuned, said)


def _facts(knob: Knob) -> dict[str, object]:
    return {
        "direction": knob.names,
        "centre": msgspec.to_builtins(knob.space.setting(knob.centre)),
        "agreement": round(knob.agreement, 3),
        "chance": knob.chance,
        "scores": knob.scores,
    }


def _next(results: Results, weights: Weights | None, tuned: Setting | None) -> str:
    """A blind comparison of before and after; SESSION stands for the way to this session's folder.

    Args:
        tuned: What was preferred and is the new default; None: there is none.
    """
    sheet = results.session.sheet
    if weights is None and tuned is None:
        return ""
    before = sheet.bundle or next(stimulus.bundle for stimulus in sheet.stimuli.values() if stimulus.bundle)
    blend = _line(tuned.blend) if tuned else _marked_blend(weights)
    after, todo = (
        (TUNED, "")
        if tuned
        else ("after.tombola", f"# Build it first: tombola build … --weights {WEIGHTS} -o after.tombola\n")
    )
    passages = "".join(_passage(passage) for passage in sheet.passages)
    was = bundle_path(Path("SESSION"), before).as_posix()
    return (
        f"# What `tombola session apply` queued: is what was learned from {sheet.name!r} heard, and liked?\n{todo}"
        f'name = {json.dumps(f"{sheet.name[:50]} before and after")}\nkind = "pairs"\nseed = {sheet.seed + 1}\n\n'
        f'[[stimulus]]\nname = "before"\nbundle = {json.dumps(was)}\n{blend}'
        f'\n[[stimulus]]\nname = "after"\nbundle = {json.dumps(after)}\n{blend}{passages}'
    )


def _marked_blend(weights: Weights | None) -> str:
    """The mode that was marked most, alone."""
    if weights is None or not weights.modes:
        return ""
    worst = max(weights.modes, key=lambda name: weights.modes[name].weight)
    return _line({worst: 1.0})


def _line(blend: Mapping[str, float]) -> str:
    weights = ", ".join(f"{json.dumps(name)} = {float(weight):.3f}" for name, weight in blend.items() if weight > 0)
    return f"blend = {{ {weights} }}\n"


def _passage(passage: Passage) -> str:
    return f"\n[[passage]]\nname = {json.dumps(passage.name)}\nnotes = {json.dumps(passage.notes)}\n"


def _from(folder: Path, to: Path) -> str:
    """The way from one folder to another."""
    import os

    return Path(os.path.relpath(to.resolve(), folder.resolve())).as_posix()


def _readable(content: object) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"
