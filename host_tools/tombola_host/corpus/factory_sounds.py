"""Recordings of the factory set's bundles: which they are, and how they are fetched.

The quartet's are those of the demo (``sources.py``). The others come from a soundfont that Debian packages, in its
lossless version: between the partials of a piano, the compressed one has 8 dB more noise.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from tombola_device.contract.errors import BadAudio, BadConfig

from tombola_host.corpus.packages import debian_file, npm_archive
from tombola_host.corpus.soundfont import Layer, Player, Recorded, Rendered, Soundfont, write_notes
from tombola_host.corpus.sources import (
    RECORDING_LICENCE,
    fetch_demo_sounds,
    put_whole,
    unpack_recordings,
    write_licence,
)
from tombola_host.progress import Step

QUARTET: Final = "quartet"
FONT_PACKAGE: Final = "musescore-general-soundfont-lossless"
FONT_PATH: Final = "usr/share/sounds/sf2/MuseScore_General_Full.sf2"
_FONT = f"MuseScore_General 0.2 (Debian package {FONT_PACKAGE}) by S. Christian Collins, MIT licence; "
_FLUID = _FONT + "samples of Fluid (R3) by Frank Wen and others, mono version by Michael Cowgill, MIT licence."
_VSCO = (
    _FONT
    + "samples of VSCO 2 Community Edition by Sam Gossner, Simon Dalzell and Elan Hickler, Creative Commons Zero 1.0."
)
_AKAI = _FONT + "samples of the AKAI Splendid Grand, public domain."


@dataclass(frozen=True, slots=True)
class Packaged:
    """A mode out of an npm package of recordings.

    Args:
        package: Its name.
        renamed: Files whose names state another note than they sound, with the names that they should have.
    """

    package: str
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FactoryMode:
    """One mode of a factory bundle.

    Args:
        name: In the bundle, and of its folder.
        source: Where its recordings are.
        licence: One sentence.
    """

    name: str
    source: Packaged | Recorded | Rendered
    licence: str


_VIOLINS = (55, 57, 59, 62, 66, 69, 72, 76, 79, 83, 86)
_CELLI = (36, 40, 43, 47, 50, 53)
_PIANO = (29, 33, 38, 43, 48, 52, 57, 62, 67, 72, 76, 80, 85, 91)
_KALIMBA = (48, 50, 52, 54, 56, 63, 65, 67, 69, 72, 75, 78, 81, 84, 88)
"""Between G♯3 and D♯4 the font shifts one recording that is a knock more than a note."""
_TINES = (36, 40, 44, 48, 52, 55, 60, 64, 67, 72, 76, 79, 84, 88, 91)
_TRUMPET = "tonejs-instrument-trumpet-wav"

FACTORY_SETS: Final[Mapping[str, tuple[FactoryMode, ...]]] = {
    "bowed_and_blown": (
        FactoryMode(
            "strings",
            # Sections: violins down to their lowest G, celli below. The presets play the quiet recordings 8 dB lower.
            Recorded(
                (
                    Layer(r"Celli_\w#?\d_v3L", _CELLI, "ff"),
                    Layer(r"Violins_\w#?\d_v2L", _VIOLINS, "ff"),
                    Layer(r"Celli_\w#?\d_v1L", _CELLI, "p", gain_db=-8.0),
                    Layer(r"Violins_\w#?\d_v1b?L", _VIOLINS, "p", gain_db=-8.0),
                ),
                release_db_per_s=90.0,
            ),
            _VSCO,
        ),
        FactoryMode("aah", Recorded((Layer(r"Ahh Choir .*-L", tuple(range(39, 82, 3))),), 50.0), _FLUID),
        FactoryMode("ooh", Recorded((Layer(r"Ohh Voices .*", tuple(range(48, 85, 3))),), 83.0), _FLUID),
        FactoryMode(
            "trumpet",
            Packaged(_TRUMPET, {"As3.wav": "As4.wav", "C3.wav": "C4.wav"}),
            RECORDING_LICENCE.format(package=_TRUMPET),
        ),
        FactoryMode("horn", Recorded((Layer(r"French Horns .*", tuple(range(39, 79, 3))),), 167.0), _FLUID),
    ),
    "struck": (
        FactoryMode(
            "piano",
            # The preset plays its quiet layer 14 dB lower where the layers meet, and raises it with velocity; a grand
            # is about 10 dB louder at ff than at mf.
            Recorded(
                (
                    Layer(r"Piano FF .*\(L\)", _PIANO, "ff"),
                    Layer(r"Piano MF .*\(L\)", _PIANO, "mf", gain_db=-10.0),
                ),
                release_db_per_s=180.0,
            ),
            _AKAI,
        ),
        FactoryMode("vibraphone", Rendered(11, tuple(range(53, 90, 3)), (50, 90, 125)), _FLUID),
        FactoryMode("marimba", Rendered(12, tuple(range(45, 88, 3)), held_s=3.0), _FLUID),
        FactoryMode("kalimba", Rendered(108, _KALIMBA, held_s=3.0), _FLUID),
        # Rendered, its loops of 10 ms would buzz after two seconds; the recordings end before.
        FactoryMode("tines", Recorded((Layer("Rhodes .*", _TINES),), release_db_per_s=500.0), _FLUID),
    ),
}
"""Bundle → its modes, in the order of the knobs; the quartet's are in ``sources.py``."""


BUNDLES: Final = (QUARTET, *FACTORY_SETS)
"""The factory set."""


def fetch_factory_sounds(
    bundles: Sequence[str], cache_dir: Path, progress: Step | None = None, *, font: Path | None = None
) -> dict[str, dict[str, Path]]:
    """Get a folder of recordings for each mode of factory bundles; folders that exist are kept.

    Args:
        bundles: Their names.
        cache_dir: The quartet's folders lie in it, the others' in a folder for each bundle. Each is there whole or not
            at all.
        progress: Called with (modes done, modes in all, what is being done).
        font: The soundfont, where Debian's package cannot be fetched.

    Returns:
        Bundle → mode → folder.

    Raises:
        BadConfig: There is no such bundle.
        BadAudio: A package cannot be fetched, or what reads it is missing.
    """
    for name in bundles:
        if name not in BUNDLES:
            raise BadConfig(f"no factory bundle is called {name!r}; there are {', '.join(BUNDLES)}")
    folders = {name: fetch_demo_sounds(cache_dir, progress) for name in bundles if name == QUARTET}
    wanted = [(name, mode) for name in bundles if name != QUARTET for mode in FACTORY_SETS[name]]
    missing = [(name, mode) for name, mode in wanted if not (cache_dir / name / mode.name).is_dir()]
    cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir, prefix=".fetching-") as scratch:
        opened = _Font(Path(scratch), font)
        for done, (name, mode) in enumerate(missing):
            if progress is not None:
                progress(done, len(missing), f"fetching {mode.name}")
            put_whole(cache_dir / name / mode.name, partial(_fetch, mode, opened))
    if progress is not None:
        progress(1, 1, "sounds are there")
    for name, mode in wanted:
        folders.setdefault(name, {})[mode.name] = cache_dir / name / mode.name
    return folders


class _Font:
    """The soundfont, fetched when it is first needed and gone with the scratch folder.

    Args:
        scratch: Where it is unpacked.
        given: The file, if it need not be fetched.
    """

    def __init__(self, scratch: Path, given: Path | None) -> None:
        self._scratch, self._path = scratch, given
        self._recordings: Soundfont | None = None
        self._player: Player | None = None

    @property
    def path(self) -> Path:
        """The file."""
        if self._path is None:
            self._path = debian_file(FONT_PACKAGE, FONT_PATH, self._scratch)
        return self._path

    @property
    def recordings(self) -> Soundfont:
        """What it holds."""
        if self._recordings is None:
            self._recordings = Soundfont(self.path)
        return self._recordings

    @property
    def player(self) -> Player:
        """Its presets."""
        if self._player is None:
            self._player = Player(self.path)
        return self._player


def _fetch(mode: FactoryMode, font: _Font, folder: Path) -> bool:
    match mode.source:
        case Packaged(package, renamed):
            with tempfile.TemporaryDirectory() as scratch:
                archive = npm_archive(package, Path(scratch))
                if archive is None or not unpack_recordings(archive, folder):
                    raise BadAudio(f"npm gives no {package}, for {mode.name}; install npm, or see to the network")
            for stated, sounding in renamed.items():
                (folder / stated).rename(folder / sounding)
        case Recorded():
            write_notes(font.recordings.recorded(mode.source), folder)
        case Rendered():
            write_notes(font.player.rendered(mode.source), folder)
    write_licence(folder, mode.licence)
    return True
