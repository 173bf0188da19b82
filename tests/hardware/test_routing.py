"""The router of the control board: on small boards, and what it has laid on the real one."""

from __future__ import annotations

import math
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


def test_every_net_of_the_control_board_is_laid(board):
    from tombola_hardware.panel import boards
    from tombola_hardware.routing.routes import load

    _, spots = boards.control(board)
    pins = {}
    for spot in spots:
        for net in spot.nets.values():
            pins[net] = pins.get(net, 0) + 1
    assert set(load("control")) == {net for net, count in pins.items() if count > 1}
