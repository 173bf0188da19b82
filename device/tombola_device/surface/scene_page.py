"""The scenes: what each place holds, in words, and how a scene is saved and recalled."""

from __future__ import annotations

from collections.abc import Sequence

from tombola_device.play.player import Player
from tombola_device.surface.routing import Hands
from tombola_device.surface.scenes import PLACES, SceneStore, capture, recall


class ScenePage:
    """Saves and recalls scenes.

    Args:
        player: The player whose state is saved.
        hands: Its knobs; after a recall they wait until they pass the values that hold now.
        store: Where the scenes are stored.
    """

    def __init__(self, player: Player, hands: Hands, store: SceneStore) -> None:
        self._player, self._hands, self._store = player, hands, store
        self._words = [self._words_of(place) for place in range(PLACES)]

    @property
    def words(self) -> tuple[str, ...]:
        """The modes of each scene, the strongest first; empty: the place is empty."""
        return tuple(self._words)

    def save(self, place: int, modes: Sequence[str]) -> str:
        """Save the player's state at a place; ``modes`` are the names of the bundle's modes. Gives a notice.

        Raises:
            StoreError: The disk refuses; the scene before stays.
        """
        if not modes:
            return "no bundle plays; flash one before you save a scene"
        self._store.save_scene(place, capture(self._player, list(modes)))
        self._words[place] = self._words_of(place)
        return f"scene {place + 1} kept"

    def recall(self, place: int, modes: Sequence[str]) -> str:
        """Recall the scene of a place. Gives a notice; empty: nothing to say."""
        scene = self._store.scene(place)
        if scene is None:
            return f"scene {place + 1} is damaged; save it again" if self._words[place] else "no scene is there"
        recall(scene, self._player, list(modes))
        self._hands.pick_up()
        return ""

    def _words_of(self, place: int) -> str:
        scene = self._store.scene(place)
        if scene is None:
            return ""
        return "+".join(sorted(scene.blend, key=lambda name: -scene.blend[name])) or "·"
