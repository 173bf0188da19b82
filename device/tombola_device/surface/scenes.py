"""Scenes and settings on the disk. Each is one small file that is either whole or missing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import MAX_MODES, MOST_LIFE
from tombola_device.contract.errors import StoreError
from tombola_device.contract.words import WordName
from tombola_device.disk.files import Files
from tombola_device.disk.sealed import SealedFile, is_there, read_sealed, write_sealed
from tombola_device.play.blending import BlendMode
from tombola_device.play.midi_map import MidiSettings
from tombola_device.play.player import Player
from tombola_device.play.voices import Priority, VoiceMode
from tombola_device.surface.routing import Assignments, CvTargets

PLACES: Final = 16
LONGEST_NAME: Final = 24
NAME_LETTERS: Final = f"take at most {LONGEST_NAME} letters, digits, blanks and . _ + -"
_NAME: Final = r"^[\w .+-]*\Z"
"""As in a bundle's names: nothing that a display, a terminal or a page could take for more than a name."""

Share = Annotated[float, Meta(ge=0, le=1)]


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A state of the instrument that can be recalled.

    Args:
        blend: Weights by name of mode, so that another bundle finds the modes that it has too.
        timbre: X and Y, 0 … 1.
        life: How much held notes move; 1: as the modes' recordings do.
        loudness_db: Offset of the loudness knob.
        glide_s: Portamento.
        tune_semitones: Offset of all pitches.
        voice_mode: How keys share voices.
        blend_mode: Whether keys share one blend.
        name: What the player calls it; empty: it has no name.
        word: The knob that had set blend, timbre and life, and its place; None: none had.
    """

    blend: Annotated[dict[str, Share], Meta(max_length=MAX_MODES)]
    timbre: tuple[Share, Share] = (0.5, 0.5)
    life: Annotated[float, Meta(ge=0, le=MOST_LIFE)] = 1.0
    loudness_db: Annotated[float, Meta(ge=-160, le=12)] = 0.0
    glide_s: Annotated[float, Meta(ge=0, le=10)] = 0.0
    tune_semitones: Annotated[float, Meta(ge=-24, le=24)] = 0.0
    voice_mode: VoiceMode = VoiceMode.POLY
    blend_mode: BlendMode = BlendMode.TOGETHER
    name: Annotated[str, Meta(max_length=LONGEST_NAME, pattern=_NAME)] = ""
    word: tuple[WordName, Share] | None = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Choices that hold for all scenes.

    Args:
        version: Of this format; a file of another version is not read.
        learns: Whether the instrument counts what the player returns to.
    """

    version: Literal[1] = 1
    midi: MidiSettings = MidiSettings()
    priority: Priority = Priority.LAST
    outputs: Assignments = Assignments()
    inputs: CvTargets = CvTargets()
    learns: bool = False


def is_name(name: str) -> bool:
    """Whether a scene can be called so; an empty name is none."""
    return len(name) <= LONGEST_NAME and re.match(_NAME, name) is not None


def capture(player: Player, modes: list[str]) -> Scene:
    """The player's state as a scene; ``modes`` are the names of the bundle's modes."""
    return Scene(
        blend={name: float(weight) for name, weight in zip(modes, player.hand_blend, strict=True) if weight > 0},
        timbre=player.timbre,
        life=player.life,
        loudness_db=player.loudness_db,
        glide_s=player.glide_s,
        tune_semitones=player.tune_semitones,
        voice_mode=player.voice_mode,
        blend_mode=player.blend_mode,
        word=next(((name, place) for name, place in player.words if place is not None), None),
    )


def recall(scene: Scene, player: Player, modes: list[str]) -> None:
    """Recall a scene; the blend stays if the bundle has none of the scene's modes."""
    weights = [scene.blend.get(name, 0.0) for name in modes]
    if any(weights):
        player.set_blend(weights)
    for axis, value in enumerate(scene.timbre):
        player.set_timbre(axis, value)
    player.set_life(scene.life)
    if scene.word is not None:
        player.recall_word(*scene.word)
    player.set_loudness(scene.loudness_db)
    player.glide(scene.glide_s)
    player.tune(scene.tune_semitones)
    player.voice_mode, player.blend_mode = scene.voice_mode, scene.blend_mode


def shipped_scenes(bundle: Path | None) -> tuple[Scene, ...]:
    """The scenes in ``scenes.json`` beside a bundle of the factory set; none where there is no such file."""
    if bundle is None:
        return ()
    try:
        named = msgspec.json.decode(bundle.with_name("scenes.json").read_bytes(), type=dict[str, Scene])
    except (OSError, msgspec.DecodeError):
        return ()
    scenes = named.items()
    return tuple(msgspec.structs.replace(scene, name=name if is_name(name) else "") for name, scene in scenes)


class SceneStore:
    """Sixteen places for scenes, and the settings.

    Args:
        files: The file system.
        folder: Where they are stored; it is made with the first file.
        shipped: Scenes for the first places, as long as nothing is saved there.
    """

    def __init__(self, files: Files, folder: Path, shipped: Sequence[Scene] = ()) -> None:
        self.files, self.folder, self._shipped = files, folder, shipped
        self._settings = SealedFile(files, folder / "settings.json", Settings)

    def scene(self, place: int) -> Scene | None:
        """The scene at a place, 0 … 15; None if the place is empty or its file is damaged."""
        path = self._scene_path(place)
        if place < len(self._shipped) and self.files.size_bytes(path) is None:
            return self._shipped[place]
        return read_sealed(self.files, path, Scene)

    def holds(self, place: int) -> bool:
        """Whether there is a file at a place, whole or damaged."""
        return is_there(self.files, self._scene_path(place))

    def save_scene(self, place: int, scene: Scene) -> None:
        """Store a scene.

        Raises:
            StoreError: The disk refuses; the scene before stays.
        """
        path = self._scene_path(place)
        with _said(path.name):
            write_sealed(self.files, path, scene)

    def remove_scene(self, place: int) -> None:
        """Empty a place.

        Raises:
            StoreError: The disk refuses.
        """
        self.remove(self._scene_path(place))

    def remove(self, path: Path) -> None:
        """Remove a file of the folder, if it is there.

        Raises:
            StoreError: The disk refuses.
        """
        with _said(path.name):
            if self.files.size_bytes(path) is not None:
                self.files.remove(path)
                self.files.sync_folder(self.folder)

    def settings(self) -> tuple[Settings, str]:
        """The stored settings, or the defaults; and a sentence if the file is damaged or cannot be read."""
        settings = self._settings.read()
        if settings is not None:
            return settings, ""
        if self._settings.damaged:
            return Settings(), "the settings are damaged; set them again"
        if self._settings.unread:
            return Settings(), "the settings cannot be read yet and are kept; check the card"
        return Settings(), ""

    @property
    def settings_damaged(self) -> bool:
        """Whether the settings were read and are damaged."""
        return self._settings.damaged

    def save_settings(self, settings: Settings) -> None:
        """Store the settings.

        Raises:
            StoreError: The disk refuses; the settings before stay.
        """
        with _said("settings.json"):
            self._settings.write(settings)

    def _scene_path(self, place: int) -> Path:
        assert 0 <= place < PLACES
        return self.folder / f"scene-{place + 1:02}.json"


@contextlib.contextmanager
def _said(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{name} cannot be kept ({error.strerror or error}); check the card") from error
