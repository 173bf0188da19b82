"""Keeps the maps true while the blend moves: drawn beside the server, the newest wish first, and only if wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.errors import TombolaError

if TYPE_CHECKING:
    from tombola_device.surface.browser.maps import Cells, Mapper

BLEND, TIMBRE = 0, 1
DIGITS: Final = 2
"""A hundredth of a blend or timbre changes no colour that could be seen."""
REST_S: Final = 0.1
"""Between two maps: the computer has other things to do."""
_LOG = logging.getLogger(__name__)


class Cartographer:
    """Two maps: the blends at the timbre that holds, and the timbres of the blend that holds.

    Args:
        drawn: Called when a map is new.
    """

    def __init__(self, drawn: Callable[[], None]) -> None:
        self._drawn = drawn
        self._bundle: Bundle | None = None
        self._mapper: Mapper | None = None
        self._wanted = [False, False]
        self._places: list[tuple[float, ...]] = [(0.5, 0.5), ()]
        self._drawn_of: list[tuple[object, ...]] = [(), ()]
        self._maps: list[tuple[int, Cells | None]] = [(0, None), (0, None)]
        self._work: asyncio.Task[None] | None = None

    def turn_to(self, bundle: Bundle | None) -> None:
        """Another bundle plays; None: none."""
        self._bundle, self._mapper = bundle, None
        self._go_on()

    def follow(self, blend: Sequence[float], timbre: Sequence[float]) -> None:
        """The blend and the timbre that hold now."""
        self._places = [tuple(round(value, DIGITS) for value in values) for values in (timbre, blend)]
        self._go_on()

    def want(self, wanted: list[bool]) -> None:
        """Which of the two maps somebody looks at."""
        self._wanted = wanted
        self._go_on()

    def newest(self, which: int) -> tuple[int, Cells | None]:
        """A map, and its number; None: there is none yet."""
        return self._maps[which]

    def _go_on(self) -> None:
        if self._work is None and self._next() is not None:
            self._work = asyncio.create_task(self._draw())

    def _next(self) -> int | None:
        if self._bundle is None or len(self._places[TIMBRE]) != len(self._bundle.manifest.modes):
            return None
        stale = [
            which for which in (TIMBRE, BLEND) if self._wanted[which] and self._key(which) != self._drawn_of[which]
        ]
        return stale[0] if stale else None

    def _key(self, which: int) -> tuple[object, ...]:
        return id(self._bundle), self._places[which]

    async def _draw(self) -> None:
        try:
            while (which := self._next()) is not None:
                bundle, key, place = self._bundle, self._key(which), self._places[which]
                assert bundle is not None
                try:
                    cells = await asyncio.to_thread(self._map, bundle, which, place)
                except TombolaError as error:
                    _LOG.warning("%s", error)
                    cells = None
                self._drawn_of[which] = key
                self._maps[which] = self._maps[which][0] + 1, cells
                self._drawn()
                await asyncio.sleep(REST_S)
        finally:
            self._work = None

    def _map(self, bundle: Bundle, which: int, place: tuple[float, ...]) -> Cells:
        """Draw a map; in a thread. onnxruntime is loaded with the first one."""
        from tombola_device.surface.browser.maps import Mapper

        mapper = self._mapper
        if mapper is None or mapper.bundle is not bundle:
            mapper = self._mapper = Mapper(bundle)
        return mapper.blend_map(place) if which == BLEND else mapper.timbre_map(place)
