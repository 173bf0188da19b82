"""The router: on small boards, and what it has laid on the real ones."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations

import pytest

EDGE = (0.0, 0.0, 12.0, 8.0)


@pytest.fixture(scope="module")
def routed(kicad_libraries):
    """Four resistors whose nets cross: R1 to R4 and R2 to R3."""
    pytest.importorskip("numba", reason="numba is not installed; make env")
    from tombola_hardware.kicad.pcb import Spot
    from tombola_hardware.kinds import R_0805
    from tombola_hardware.routing.grid import Grid
    from tombola_hardware.routing.router import Router

    nets = (("R1", 2, 2, "A", "B"), ("R2", 2, 6, "C", "D"), ("R3", 10, 2, "C", "D"), ("R4", 10, 6, "A", "B"))
    spots = [Spot(name, "1k", R_0805, {"1": one, "2": other}, x, y) for name, x, y, one, other in nets]

    def run():
        router = Router(Grid(EDGE, [], [(6.0, 4.0, 1.0)], spots), lambda text: None)
        assert router.run()
        return router

    return run


def test_nets_that_cross_are_laid_apart_with_vias(routed):
    from tombola_hardware.routing.routes import laid

    nets = laid(routed())
    assert set(nets) == {"A", "B", "C", "D"}
    assert sum(len(found.vias) for found in nets.values()) >= 2
    for (_, one), (_, other) in combinations(nets.items(), 2):
        for layer, x0, y0, x1, y1 in one.tracks:
            for layer2, a0, b0, a1, b1 in other.tracks:
                if layer == layer2:
                    apart_x = max(min(x0, x1) - max(a0, a1), min(a0, a1) - max(x0, x1), 0.0)
                    apart_y = max(min(y0, y1) - max(b0, b1), min(b0, b1) - max(y0, y1), 0.0)
                    # 0.2 mm wide, 0.15 apart.
                    assert math.hypot(apart_x, apart_y) >= 0.35 - 1e-6


def test_tracks_keep_off_a_hole(routed):
    from tombola_hardware.routing.routes import laid

    for found in laid(routed()).values():
        for _, x0, y0, x1, y1 in found.tracks:
            near_x, near_y = min(max(6.0, x0), x1), min(max(4.0, min(y0, y1)), max(y0, y1))
            assert math.hypot(near_x - 6.0, near_y - 4.0) >= 1.0 + 0.2 + 0.1 - 1e-3


def test_the_same_board_is_laid_the_same_way(routed):
    from tombola_hardware.routing.routes import laid

    assert laid(routed()) == laid(routed())


def test_a_pad_that_is_walled_in_is_told(kicad_libraries):
    pytest.importorskip("numba", reason="numba is not installed; make env")
    from tombola_hardware.kicad.pcb import Spot
    from tombola_hardware.kinds import R_0805
    from tombola_hardware.routing.grid import Grid
    from tombola_hardware.routing.router import Router

    spots = [Spot(name, "1k", R_0805, {"1": "A", "2": "B"}, x, 4) for name, x in (("R1", 2.5), ("R2", 9.5))]
    said = []
    router = Router(Grid(EDGE, [(5.5, -1.0, 6.5, 9.0)], [], spots), said.append)
    assert not router.run()
    assert router.open == ["A", "B"]


def test_what_is_laid_reads_back_as_it_was_kept(routed, tmp_path):
    from tombola_hardware.routing import routes

    nets = routes.laid(routed())
    routes.save("small", nets, tmp_path)
    assert routes.load("small", tmp_path) == nets
    assert routes.load("other", tmp_path) == {}


@pytest.mark.parametrize("which", ["control", "main"])
def test_every_net_of_a_board_is_laid(board, main_board, which):
    from tombola_hardware.panel import boards
    from tombola_hardware.routing.routes import load

    spots = boards.control(board)[1] if which == "control" else main_board[1]
    pins = Counter(net for spot in spots for net in spot.nets.values())
    assert set(load(which)) == {net for net, count in pins.items() if count > 1}


def test_supplies_are_as_wide_as_their_neighbours_let_them_be(main_board):
    from tombola_hardware.panel.boards import BOARD_MM, NOTCH_MM, SUPPLIES
    from tombola_hardware.routing.grid import pads
    from tombola_hardware.routing.routes import load
    from tombola_hardware.routing.widths import widened

    widths = widened(load("main"), SUPPLIES, pads(main_board[1]), BOARD_MM, [NOTCH_MM])
    assert {net for net, _ in widths} <= set(SUPPLIES)
    assert min(widths.values()) == 0.2
    assert max(widths.values()) == 1.0
    longer = sum(math.dist(track[1:3], track[3:5]) for (_, track), width in widths.items() if width > 0.2)
    everything = sum(math.dist(track[1:3], track[3:5]) for _, track in widths)
    assert longer > 0.85 * everything
