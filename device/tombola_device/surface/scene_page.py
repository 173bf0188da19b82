"""The scenes: what each place holds, in words, and how a scene is saved and recalled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

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
        self._words = tuple(
            words_of(scene) if scene is not None else DAMAGED if store.holds(place) else ""
            for place, scene in enumerate(self._scenes)
        )

    @property
    def words(self) -> tuple[str, ...]:
        """The modes of each scene, the strongest first; empty: the place is empty."""
        return self._words

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
            return f"scene {place + 1} is damaged; save it again" if self._words[place] else "no scene is there"
        recall(scene, self._player, list(modes))
        self._hands.pick_up()
        return ""

    def _saved(self, place: int, scene: Scene) -> str:
        self._scenes[place] = scene
        self._words = (*self._words[:place], words_of(scene), *self._words[place + 1 :])
        return f"scene {place + 1} kept"


def words_of(scene: Scene) -> str:
    """The modes of a scene, the strongest first."""
    return "+".join(sorted(scene.blend, key=lambda name: -scene.blend[name])) or "·"
