from __future__ import annotations

from tombola_host.cost.complexity import BOARDS, complexity, playing
from tombola_host.generators import RESEARCH
from tombola_host.generators.units import full_mask, shapes_left


def test_operations_disk_and_traffic_are_counted_by_hand():
    needs = complexity({"w": (10, 20), "b": (10,)}, {"w": 100.0})
    assert (needs.flops, needs.disk_bytes, needs.traffic_bytes) == (2 * 200 * 100, 4 * 210, 4 * 200 * 100)
    assert complexity({"w": (10, 20)}, {"w": 1.0}, bytes_a_weight=1).disk_bytes == 200


def test_a_board_must_have_the_operations_and_the_memory():
    assert playing(complexity({"w": (1000,)}, {"w": 10.0})) == tuple(board.name for board in BOARDS)
    heavy = playing(complexity({"w": (1000, 1000)}, {"w": 20.0}))  # 40 MFLOPS and 4 MB
    assert "RPi 1B" in heavy
    assert not {"ATmega2560", "RP2350"} & set(heavy)


def test_the_published_wavenet_needs_more_than_any_pi_and_the_published_ddsp_does_not():
    for name, plays in (("wavenet", False), ("ddsp", True)):
        network = RESEARCH[name].build(1, RESEARCH[name].dense, 0)
        groups, weights = network.unit_groups(), dict(network.state_dict())
        needs = complexity(shapes_left(groups, weights, full_mask(groups)), network.uses_per_s())
        assert bool(playing(needs)) == plays
