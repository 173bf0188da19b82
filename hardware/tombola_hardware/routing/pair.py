"""The pair of USB, laid by hand: side by side from the socket through the guard to the cable's header."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from tombola_hardware.kicad.pcb import Spot, pad_places
from tombola_hardware.routing.laid import Laid, Track

PITCH_MM: Final = 0.4
"""Between the middles of the two tracks, each 0.2 mm wide. Full speed at 15 mm asks for no impedance, only for this."""
VIAS_MM: Final = ((-0.25, -1.665), (-0.2, 1.465))
"""Where D+ crosses D− between the socket's two rows: from its pad A6, and from its pad B6."""


def crossings(socket: Spot) -> tuple[tuple[float, float], ...]:
    """Where the vias of the pair are: nothing may stand there on either side."""
    return tuple(
        (round(x + dx, 4), round(y + dy, 4))
        for (x, y), (dx, dy) in zip((_pin(socket, "A6"), _pin(socket, "B6")), VIAS_MM, strict=True)
    )


def usb(spots: Mapping[str, Spot]) -> dict[str, Laid]:
    """What is laid for D+ and D−: socket J82, above it the guard U81, to the right of both the header J83."""
    socket, guard, header = spots["J82"], spots["U81"], spots["J83"]
    upper, lower = crossings(socket)
    plus, minus = _pin(socket, "A6"), _pin(socket, "A7")
    plus_in, plus_out, plus_end = _pin(guard, "1"), _pin(guard, "6"), _pin(header, "2")
    minus_in, minus_out, minus_end = _pin(guard, "3"), _pin(guard, "4"), _pin(header, "1")
    flare = plus[1] - 2.0
    top = plus_out[1] - 1.15
    right = plus_end[0] - 1.8
    step = PITCH_MM
    over_plus = (
        plus, (plus[0], flare), (plus_in[0], flare - (plus[0] - plus_in[0])), plus_in, plus_out,
        (plus_out[0], top + 0.3), (plus_out[0] + 0.3, top), (right - 0.3, top), (right, top + 0.3),
        (right, plus_end[1] - 0.3), (right + 0.3, plus_end[1]), plus_end,
    )  # fmt: skip
    over_minus = (
        minus, (minus[0], flare), (minus_in[0], flare - (minus_in[0] - minus[0])), minus_in, minus_out,
        (minus_out[0], top + step + 0.3), (minus_out[0] + 0.3, top + step), (right - step - 0.3, top + step),
        (right - step, top + step + 0.3), (right - step, minus_end[1] - 0.3),
        (right - step + 0.3, minus_end[1]), minus_end,
    )  # fmt: skip
    other_plus, other_minus = _pin(socket, "B6"), _pin(socket, "B7")
    across = (minus, (minus[0], minus[1] + 0.585), (other_minus[0], other_minus[1] - 0.585), other_minus)
    bottom = (*_run("In2.Cu", (upper, (upper[0], lower[1] - 0.75), lower)), *_run("F.Cu", (other_plus, lower)))
    return {
        "USB_DM": Laid((*_run("F.Cu", over_minus), *_run("F.Cu", across)), ()),
        "USB_DP": Laid(
            (*_run("F.Cu", over_plus), *_run("F.Cu", ((plus[0], upper[1]), upper)), *bottom), (upper, lower)
        ),
    }


def _pin(spot: Spot, number: str) -> tuple[float, float]:
    x, y = spot.local(*pad_places(spot.footprint)[number][0])
    return round(float(x), 4), round(float(y), 4)


def _run(layer: str, points: tuple[tuple[float, float], ...]) -> tuple[Track, ...]:
    return tuple(
        (layer, round(x0, 4), round(y0, 4), round(x1, 4), round(y1, 4)) for (x0, y0), (x1, y1) in pairwise(points)
    )
