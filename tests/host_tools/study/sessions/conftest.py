"""Sessions of the factory bundle, small enough to be rendered in a second."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tombola_device.config import Config
from tombola_host.progress import Silent
from tombola_host.study.sessions.making import make_session
from tombola_host.study.sessions.passage import Passage
from tombola_host.study.sessions.plan import read_plan
from tombola_host.study.sessions.session import REFERENCE, Session, Sheet, Stimulus, open_session, write_session
from tombola_host.study.sessions.setting import Setting

SHORT = Passage("short", [(0.0, 0.2, 62.0, 0.7)])
SHA = "ab" * 32


@pytest.fixture(scope="session")
def factory() -> Path:
    """The factory bundle's file."""
    path = Config().factory_path
    assert path is not None
    return path


@pytest.fixture
def planned(tmp_path, factory) -> Callable[[str], Session]:
    """Makes a session from the text of its file."""

    def make(text: str) -> Session:
        path = tmp_path / "plan.toml"
        path.write_text(text.replace("FACTORY", str(factory)))
        return make_session(read_plan(path), tmp_path, tmp_path / "made.session", Silent().task(""))

    return make


@pytest.fixture
def sheet() -> Callable[..., Sheet]:
    """A sheet of so many stimuli, without sounds worth hearing."""

    def make(kind: str = "pairs", stimuli: int = 3, **changes: object) -> Sheet:
        names = {f"s{n}": Stimulus(SHA, Setting({"sax": 1.0}, (n / 10, 0.5))) for n in range(1, stimuli + 1)}
        if kind == "ratings":
            names |= {REFERENCE: Stimulus(), "anchor 3.5 kHz": Stimulus(), "anchor 7 kHz": Stimulus()}
        files = {"short": {name: f"{place:03}.flac" for place, name in enumerate(names, 1)}}
        given = {
            "name": "toy", "kind": kind, "question": "Which?", "word": "", "votes": 5, "repeats": 4, "minutes": 20.0,
            "seed": 3, "stimuli": names, "passages": [SHORT], "sounds": files, **changes,
        }  # fmt: skip
        return Sheet(**given)

    return make


@pytest.fixture
def session(tmp_path, sheet) -> Callable[..., Session]:
    """A session on the disk, of tones of 4 s."""

    def make(*arguments: object, **changes: object) -> Session:
        made = sheet(*arguments, **changes)
        tone = np.sin(np.arange(192_000) / 10).astype(np.float32) / 4
        folder = tmp_path / "toy.session"
        if (folder / "session.json").exists():
            return open_session(folder)
        return write_session(
            folder, made, {}, {file: tone for files in made.sounds.values() for file in files.values()}
        )

    return make


@pytest.fixture
def sha256_of() -> Callable[[Path], str]:
    """SHA-256 of a file."""
    return lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
