"""A session on the disk: everything that a listener can hear, so that a vote can be heard again years later.

NAME.session/
  session.json       what is compared; never changed
  bundles/HASH       the bundles, under their SHA-256
  sounds/NAME.flac   what was rendered, all equally loud
  listeners/NAME     what each listener said (``ballot``)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
import soundfile
import soxr
from msgspec import Meta
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadBundle, BadConfig, StoreError

from tombola_host.playing.loudness import matched
from tombola_host.playing.performance import write_sound
from tombola_host.runs.store import write_atomically
from tombola_host.study.sessions.passage import TARGET_LUFS, Passage, rendered
from tombola_host.study.sessions.plan import Kind
from tombola_host.study.sessions.setting import Setting, Space

SESSION_FILE: Final = "session.json"
ENDING: Final = ".session"
REFERENCE: Final = "reference"
Sha256 = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")]
"""Empty: there is no bundle."""


class Stimulus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to hear in each passage: a setting of a bundle, or a recording and its anchors.

    Args:
        bundle: SHA-256 of the bundle's file; empty: it is a recording.
        setting: How the bundle is set.
    """

    bundle: Sha256 = ""
    setting: Setting | None = None


class Sheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``session.json``.

    Args:
        stimuli: By name.
        passages: In their order.
        sounds: File by passage and stimulus; of a tuning session none.
        space: Names of the modes of a tuning session.
        options: How many settings it compares in one vote.
    """

    name: str
    kind: Kind
    question: str
    word: str
    votes: int
    repeats: int
    minutes: float
    seed: int
    stimuli: dict[str, Stimulus]
    passages: list[Passage]
    sounds: dict[str, dict[str, str]] = {}
    bundle: Sha256 = ""
    space: list[str] = []
    options: Annotated[int, Meta(ge=2, le=6)] = 2
    version: Literal[1] = 1

    @property
    def compared(self) -> tuple[str, ...]:
        """The stimuli that are settings of a bundle."""
        return tuple(name for name, stimulus in self.stimuli.items() if stimulus.bundle)


class Heard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Enough to hear something again: the bundle's hash, the setting, and the notes.

    Args:
        name: The stimulus.
    """

    name: str
    bundle: str
    setting: Setting | None
    passage: Passage


@dataclass(frozen=True)
class Session:
    """A session's folder.

    Args:
        folder: Where it lies.
        sheet: What is compared.
    """

    folder: Path
    sheet: Sheet

    @property
    def listeners(self) -> Path:
        """Where the listeners' files lie."""
        return self.folder / "listeners"

    @cached_property
    def space(self) -> Space:
        """The space of a tuning session."""
        return Space(tuple(self.sheet.space))

    def passage(self, name: str) -> Passage:
        """A passage by its name."""
        return next(passage for passage in self.sheet.passages if passage.name == name)

    def heard(self, stimulus: str, passage: str) -> Heard:
        """What a vote says of what was heard."""
        found = self.sheet.stimuli[stimulus]
        return Heard(stimulus, found.bundle, found.setting, self.passage(passage))

    def sound_path(self, passage: str, stimulus: str) -> Path:
        """The file of a sound that was rendered beforehand."""
        return self.folder / "sounds" / self.sheet.sounds[passage][stimulus]

    def bundle(self, sha256: str) -> Bundle:
        """A bundle of the session.

        Raises:
            BadBundle: It is missing or damaged.
        """
        path = bundle_path(self.folder, sha256)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadBundle(f"the bundle {path} cannot be read ({error.strerror}); copy it there again") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BadBundle(f"the bundle {path} has another content than when the session began; copy it there again")
        return decode_bundle(data)

    def play(self, heard: Sequence[Heard]) -> list[Float32Array]:
        """Render what was heard, all equally loud. Shape (T,) each.

        Raises:
            BadConfig: One of them is a recording.
            BadBundle: A bundle is missing.
        """
        sounds = []
        for each in heard:
            if each.setting is None or not each.bundle:
                raise BadConfig(
                    f"{each.name!r} is a recording and lies in {self.folder / 'sounds'}; play it from there"
                )
            sounds.append(rendered(self.bundle(each.bundle), each.setting, each.passage))
        return matched(sounds, TARGET_LUFS)


def open_session(folder: Path) -> Session:
    """Open a session's folder.

    Raises:
        BadConfig: It holds no session, or one that names what is not in it.
    """
    path = folder / SESSION_FILE
    try:
        sheet = msgspec.json.decode(path.read_bytes(), type=Sheet)
    except OSError as error:
        raise BadConfig(
            f"{folder} holds no session ({error.strerror}); make one with `tombola session new SESSION.toml`"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadConfig(f"{path} is damaged ({error}); make the session again") from error
    session = Session(folder, sheet)
    for passage, sounds in sheet.sounds.items():
        for stimulus, file in sounds.items():
            known = stimulus in sheet.stimuli and passage in {each.name for each in sheet.passages}
            if not known or Path(file).name != file:
                raise BadConfig(f"{path} names the stimulus {stimulus!r}, which it does not describe; make it again")
            if not session.sound_path(passage, stimulus).is_file():
                raise BadConfig(f"the sound {session.sound_path(passage, stimulus)} is missing; make the session again")
    return session


def write_session(folder: Path, sheet: Sheet, bundles: dict[str, bytes], sounds: dict[str, Float32Array]) -> Session:
    """Write all that belongs to a session; ``session.json`` comes last, so that a half-written folder is none.

    Raises:
        StoreError: Something cannot be written.
    """
    for sha256, data in bundles.items():
        write_atomically(bundle_path(folder, sha256), data)
    for file, audio in sounds.items():
        write_sound(audio, folder / "sounds" / file)
    write_atomically(folder / SESSION_FILE, msgspec.json.format(msgspec.json.encode(sheet), indent=1))
    return open_session(folder)


def bundle_path(folder: Path, sha256: str) -> Path:
    """Where a bundle of a session lies."""
    return folder / "bundles" / f"{sha256}.tombola"


def encoded(audio: Float32Array, path: Path) -> bytes:
    """A sound as the bytes of a flac file, made at ``path``, which is removed again."""
    write_sound(audio, path)
    try:
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)


def read_sound(path: Path, longest_s: float) -> Float32Array:
    """A recording of one channel at 48 kHz; several channels are added up. Shape (T,).

    Raises:
        BadConfig: It cannot be read, has another rate, or is longer than can be compared.
    """
    try:
        with soundfile.SoundFile(path) as file:
            if file.frames > longest_s * file.samplerate:
                raise BadConfig(f"the reference {path} is longer than {longest_s:g} s; cut it shorter")
            audio, rate = file.read(dtype="float32", always_2d=True).mean(axis=1), file.samplerate
    except (OSError, soundfile.SoundFileError) as error:
        raise BadConfig(f"the reference {path} cannot be read ({error}); give a wav or flac file") from error
    return np.asarray(audio if rate == SAMPLE_RATE_HZ else soxr.resample(audio, rate, SAMPLE_RATE_HZ), np.float32)


def check_new(folder: Path) -> None:
    """Make sure that a session can be written, before it is rendered.

    Raises:
        StoreError: There is one already, or its folder cannot be written to.
    """
    if (folder / SESSION_FILE).exists():
        raise StoreError(f"{folder} holds a session already, maybe with votes; choose another folder with --out")
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise StoreError(f"cannot write {folder}, because {above} cannot be written to; choose another folder")
