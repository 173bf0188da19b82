"""The scenes: what each place holds, in words, and how a scene is saved and recalled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from tombola_device.disk.errands import Errands
from tombola_device.play.player import Player
from tombola_device.surface.routing import Hands
from tombola_device.surface.scenes import PLACES, Scene, SceneStore, capture, recall

DAMAGED: Final = "damaged"


class ScenePage:
    """Saves and recalls scenes. All sixteen are in memory, so a recall waits for no disk.

    Args:
        player: The player whose state is saved.
        hands: Its knobs; after a recall they wait until they pass the values that hold now.
        store: Where the scenes are stored.
        errands: Stores them.
    """

    def __init__(self, player: Player, hands: Hands, store: SceneStore, errands: Errands) -> None:
        self._player, self._hands, self._store, self._errands = player, hands, store, errands
        self._scenes = [store.scene(place) for place in range(PLACES)]
        self.words = tuple(
            shown(scene) if scene is not None else DAMAGED if store.holds(place) else ""
            for place, scene in enumerate(self._scenes)
        )
        """What each place holds: the scene's name, or its modes; empty: nothing."""
        self.names = tuple(scene.name if scene is not None else "" for scene in self._scenes)
        """The names alone."""

    @property
    def scenes(self) -> tuple[Scene | None, ...]:
        """The scenes; None: the place is empty or damaged."""
        return tuple(self._scenes)

    def save(self, place: int, modes: Sequence[str]) -> str:
        """Save the player's state at a place; ``modes`` are the names of the bundle's modes.

        Gives a notice; empty: it comes when the scene is stored, or the disk has refused and the scene before stays.
        """
        if not modes:
            return "no bundle plays; flash one before you save a scene"
        scene = capture(self._player, list(modes))
        self._errands.send(partial(self._store.save_scene, place, scene), lambda _: self._saved(place, scene))
        return ""

    def recall(self, place: int, modes: Sequence[str]) -> str:
        """Recall the scene of a place. Gives a notice; empty: nothing to say."""
        scene = self._scenes[place]
        if scene is None:
            return self._none_at(place)
        recall(scene, self._player, list(modes))
        self._hands.pick_up()
        return ""

    def rename(self, place: int, name: str) -> str:
        """Name the scene of a place; an empty name: none. Gives a notice; empty: it comes when the name is stored."""
        before = self._scenes[place]
        if before is None:
            return self._none_at(place)
        scene = msgspec.structs.replace(before, name=name)
        self._errands.send(partial(self._store.save_scene, place, scene), lambda _: self._saved(place, scene))
        return ""

    def take(self, scenes: Sequence[Scene | None]) -> None:
        """Hold these scenes from now on; they are stored already."""
        self._scenes = list(scenes)
        self.words = tuple(shown(scene) if scene is not None else "" for scene in scenes)
        self.names = tuple(scene.name if scene is not None else "" for scene in scenes)

    def _none_at(self, place: int) -> str:
        return f"scene {place + 1} is damaged; save it again" if self.words[place] else "no scene is there"

    def _saved(self, place: int, scene: Scene) -> str:
        self._scenes[place] = scene
        self.words = (*self.words[:place], shown(scene), *self.words[place + 1 :])
        self.names = (*self.names[:place], scene.name, *self.names[place + 1 :])
        return f"scene {place + 1} kept"


def shown(scene: Scene) -> str:
    """What the player reads: the scene's name, or its modes."""
    return scene.name or words_of(scene)


def words_of(scene: Scene) -> str:
    """The modes of a scene, the strongest first."""
    return "+".join(sorted(scene.blend, key=lambda name: -scene.blend[name])) or "·"
