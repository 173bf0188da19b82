"""Place parts by what they belong to: each as near as it can be to the pins that it serves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tombola_hardware.errors import BadBoard
from tombola_hardware.kicad.pcb import Spot, courtyard, pad_places, through_pads
from tombola_hardware.model import Part

Box: TypeAlias = tuple[float, float, float, float]
Xy: TypeAlias = tuple[float, float]
CLEAR_MM: Final = 0.3
GRID_MM: Final = 0.5
FAR_MM: Final = 130.0
EDGE_MM: Final = 0.5
CHUNK: Final = 1024
"""Places that are tried at once."""
ROOM_MM: Final = {"U92": 0.8}
"""What stays free around parts whose pads are so close that their tracks need room for vias."""
EVERYWHERE: Final = frozenset({"", "GND", "+3.3V", "+3.3VA", "+5V", "+12V", "-12V", "VREF", "P5_QUIET", "P3_AUDIO",
                               "SDA", "SCL"})  # fmt: skip
"""Nets that say nothing about where a part belongs."""
NEAR: Final[Mapping[str, tuple[str, str]]] = {
    # Part: whose pin it serves.
    "R811": ("J82", "A5"), "R812": ("J82", "B5"), "R813": ("J82", "B9"),
    "C81": ("U82", "28"), "C82": ("U82", "28"), "R801": ("SW1", "A"), "R802": ("SW1", "B"), "R803": ("SW1", "S1"),
    "C801": ("SW1", "A"), "C802": ("SW1", "B"), "C803": ("SW1", "S1"),
    "C301": ("U31", "4"), "C302": ("U32", "4"), "C911": ("U91", "16"), "C912": ("U91", "16"), "C913": ("U91", "15"),
    "C921": ("U92", "20"), "C922": ("U92", "15"), "C923": ("U92", "1"), "C924": ("U92", "2"),
    "C925": ("U92", "3"), "C93": ("U93", "2"), "C94": ("U93", "5"),
    "C95": ("U93", "6"), "C53": ("U52", "8"), "C54": ("U52", "4"), "C67": ("U62", "8"), "C68": ("U62", "4"),
    "C51": ("U51", "1"), "C52": ("U51", "1"), "C64": ("U61", "1"), "C65": ("U61", "8"), "C66": ("U61", "20"),
    "C60": ("U61", "1"), "C61": ("U61", "2"), "C62": ("U61", "18"), "C63": ("U61", "5"), "C71": ("U71", "6"),
    "C72": ("U72", "5"), "C41": ("U41", "5"), "C23": ("U21", "8"), "C104": ("U13", "6"), "C19": ("U13", "5"),
    "C101": ("U12", "1"), "C102": ("U12", "5"), "C105": ("U14", "5"), "L11": ("U12", "1"), "U14": ("U12", "1"),
    "C16": ("U11", "A1"), "C17": ("U11", "A5"), "C18": ("U11", "A5"), "C21": ("J21", "1"), "C22": ("J21", "2"),
    "C11": ("D11", "1"), "C12": ("D11", "1"), "D13": ("D11", "1"), "C13": ("D12", "2"), "C14": ("D12", "2"),
    "D14": ("D12", "2"), "C15": ("Q11", "2"), "C103": ("Q11", "1"), "R18": ("Q12", "1"),
    "Q12": ("Q11", "3"), "U93": ("U92", "2"), "U92": ("J21", "26"), "U71": ("J21", "10"), "U72": ("J21", "8"),
    "U13": ("Q11", "2"), "F12": ("J11", "1"), "D12": ("F12", "2"),
    "U31": ("U92", "16"), "U32": ("U92", "6"), "U62": ("U61", "6"), "U52": ("U51", "6"),
    **{f"{part}": (f"U{quad}", pin) for quad, stages in ((31, (1, 2, 3, 4)), (32, (5, 6)))
       for stage, (minus, out) in zip(stages, (("2", "1"), ("6", "7"), ("9", "8"), ("13", "14")), strict=False)
       for part, pin in ((f"R3{stage}1", minus), (f"R3{stage}2", minus), (f"C3{stage}1", minus), (f"D3{stage}1", minus),
                         (f"R3{stage}3", out))},
    **{f"C3{stage}2": ("U92", pin) for stage, pin in zip(range(1, 7), ("16", "17", "18", "19", "6", "7"), strict=True)},
    **{part: ("U52", minus) for side, minus in (("1", "2"), ("2", "6"))
       for part in (f"R5{side}2", f"R5{side}3", f"R5{side}4", f"C5{side}5")},
    "R511": ("U52", "1"), "R521": ("U52", "7"), "R612": ("U62", "2"), "R613": ("U62", "2"), "R622": ("U62", "6"),
    "R623": ("U62", "6"),
    **{f"R10{lamp}{die}": (f"D8{lamp}", str(2 * die - 1)) for lamp in range(1, 9) for die in (1, 2)},
}  # fmt: skip


def box_of(spot: Spot) -> Box:
    """The courtyard of a spot on the board."""
    left, upper, right, lower = courtyard(spot.footprint)
    corners = [spot.local(x, y) for x in (left, right) for y in (upper, lower)]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def legs_of(spot: Spot) -> list[Box]:
    """What its legs take on the other side."""
    found = []
    for x, y, radius in through_pads(spot.footprint):
        at_x, at_y = spot.local(x, y)
        reach = radius + CLEAR_MM
        found.append((at_x - reach, at_y - reach, at_x + reach, at_y + reach))
    return found


def overlap(one: Box, other: Box) -> bool:
    """Whether two rectangles share ground."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def disc(x: float, y: float, radius: float) -> Box:
    """The square around a hole."""
    return x - radius, y - radius, x + radius, y + radius


def pin_of(spot: Spot, number: str) -> Xy:
    """Where a pad is on the board; the first of those with that number."""
    return spot.local(*pad_places(spot.footprint)[number][0])


def spot_of(part: Part, x: float, y: float, angle: int = 0, *, back: bool = False) -> Spot:
    """A part somewhere."""
    nets = {pad: net for pad, net in part.connections().items() if net}
    return Spot(part.reference, part.kind.value, part.kind.footprint, nets, round(x, 4), round(y, 4), angle, back=back)


def mated(part: Part, wanted: Mapping[str, Xy], *, back: bool) -> Spot:
    """A connector so that its pads meet given places.

    Raises:
        BadBoard: It does not meet them however it is turned: header and socket are mirror images, or not.
    """
    for angle in (0, 90, 180, 270):
        start = spot_of(part, 0.0, 0.0, angle, back=back)
        x, y = pin_of(start, "1")
        spot = spot_of(part, wanted["1"][0] - x, wanted["1"][1] - y, angle, back=back)
        if all(math.dist(pin_of(spot, number), place) < 0.05 for number, place in wanted.items()):
            return spot
    raise BadBoard(f"{part.reference} does not meet its other half pin for pin; put it on the other side of the board")


@cache
def _around() -> NDArray[np.float64]:
    """Steps of the grid, the nearest first; shape (steps, 2)."""
    reach = int(FAR_MM / GRID_MM)
    steps = [
        (column * GRID_MM, row * GRID_MM) for column in range(-reach, reach + 1) for row in range(-reach, reach + 1)
    ]
    return np.array(sorted(steps, key=lambda step: (step[0] ** 2 + step[1] ** 2, step)))


def _hit(box: Box, moves: NDArray[np.float64], others: list[Box]) -> NDArray[np.bool_]:
    """Whether a rectangle, moved, touches any other; shape (moves,)."""
    if not others:
        return np.zeros(len(moves), bool)
    left, upper, right, lower = np.array(others).T
    x, y = moves[:, :1], moves[:, 1:]
    found: NDArray[np.bool_] = (
        (box[0] + x < right) & (left < box[2] + x) & (box[1] + y < lower) & (upper < box[3] + y)
    ).any(axis=1)
    return found


class Placer:
    """A board that fills.

    Args:
        edge: Left, upper, right, lower edge of the board.
        forbidden: Where nothing may be, on either side: holes, cut-outs.
        spots: What is there already.
    """

    def __init__(self, edge: Box, forbidden: Iterable[Box], spots: Iterable[Spot]) -> None:
        self.edge, self.forbidden = edge, list(forbidden)
        self.spots: dict[str, Spot] = {}
        self._sides: dict[bool, list[Box]] = {False: [], True: []}
        for spot in spots:
            self.put(spot)

    def put(self, spot: Spot) -> None:
        """Fix a part where it is."""
        self.spots[spot.reference] = spot
        left, upper, right, lower = box_of(spot)
        room = ROOM_MM.get(spot.reference, 0.0)
        self._sides[spot.back].append((left - room, upper - room, right + room, lower + room))
        self._sides[not spot.back] += legs_of(spot)

    def near(self, part: Part, target: Xy, *, back: bool) -> Spot:
        """The free place that is nearest to a point.

        Raises:
            BadBoard: There is none.
        """
        origin = np.array([round(target[0] / GRID_MM) * GRID_MM, round(target[1] / GRID_MM) * GRID_MM])
        shapes = [self._centred(part, angle, back=back) for angle in (0, 90)]
        for first in range(0, len(_around()), CHUNK):
            places = origin + _around()[first : first + CHUNK]
            free = np.array([self._free(spot, places, back=back) for spot in shapes])
            if free.any():
                index = int(free.any(axis=0).argmax())
                spot = shapes[int(free[:, index].argmax())]
                x, y = places[index]
                return spot_of(part, spot.x_mm + x, spot.y_mm + y, spot.angle, back=back)
        raise BadBoard(
            f"{part.reference} ({part.kind.value}) finds no place on its board; move something or take a smaller part"
        )

    @staticmethod
    def _centred(part: Part, angle: int, *, back: bool) -> Spot:
        """A part whose courtyard lies around 0, 0."""
        left, upper, right, lower = box_of(spot_of(part, 0.0, 0.0, angle, back=back))
        return spot_of(part, -(left + right) / 2, -(upper + lower) / 2, angle, back=back)

    def _free(self, spot: Spot, places: NDArray[np.float64], *, back: bool) -> NDArray[np.bool_]:
        """At which of the places it touches nothing; shape (places,)."""
        left, upper, right, lower = self.edge
        box = box_of(spot)
        x, y = places.T
        free: NDArray[np.bool_] = (box[0] + x >= left + EDGE_MM) & (box[1] + y >= upper + EDGE_MM)
        free &= (box[2] + x <= right - EDGE_MM) & (box[3] + y <= lower - EDGE_MM)
        free &= ~_hit(box, places, [*self._sides[back], *self.forbidden])
        for leg in legs_of(spot):
            free &= ~_hit(leg, places, self._sides[not back])
        return free

    def target(self, part: Part) -> Xy:
        """Where a part belongs: at the pin that it serves, else amid those that it is wired to."""
        if part.reference in NEAR and NEAR[part.reference][0] in self.spots:
            whose, pin = NEAR[part.reference]
            return pin_of(self.spots[whose], pin)
        nets = set(part.connections().values()) - EVERYWHERE
        places = [
            pin_of(spot, number) for spot in self.spots.values() for number, net in spot.nets.items() if net in nets
        ]
        if not places:
            return (self.edge[0] + self.edge[2]) / 2, (self.edge[1] + self.edge[3]) / 2
        return sum(x for x, _ in places) / len(places), sum(y for _, y in places) / len(places)

    def fill(self, parts: Iterable[Part], *, back: bool) -> None:
        """Place all: the largest first, and right after it what serves its pins."""
        waiting = sorted(parts, key=lambda part: (-_area(part), part.reference))
        while waiting:
            serving = [part for part in waiting if NEAR.get(part.reference, ("",))[0] in self.spots]
            part = min(serving or waiting[:1], key=_rank)
            waiting.remove(part)
            self.put(self.near(part, self.target(part), back=back))


def _rank(part: Part) -> int:
    """What goes first of those that serve a pin: what gives a chip its charge, then what its inputs take it from."""
    nets = set(part.connections().values()) - EVERYWHERE
    if part.reference[0] == "C" and nets <= {"VREF_NR", "ADC_REFIN"}:
        return 0
    if part.reference == "U93" or (part.reference[0] == "C" and all(net.startswith("ADC_") for net in nets)):
        return 1
    return 2


def _area(part: Part) -> float:
    left, upper, right, lower = courtyard(part.kind.footprint)
    return (right - left) * (lower - upper)
