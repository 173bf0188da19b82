"""Boards: their identification, and the comparison with the cost of a bundle."""

from __future__ import annotations

import msgspec
import pytest
from tombola_device.contract.manifest import Cost
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.engine.board import BOARDS, UNKNOWN, Board, check_cost, this_board

COST = Cost(1, 1, 1, 1)
PI_4, PI_5 = Board("Pi 4", 1.5e9), Board("Pi 5", 2.4e9)


def costing(instructions: int | None) -> Cost:
    return msgspec.structs.replace(COST, arm64_instructions_per_period=instructions)


@pytest.mark.parametrize(
    ("model", "name", "millions"),
    [
        ("Raspberry Pi 4 Model B Rev 1.4", "Pi 4", 4.0),
        ("Raspberry Pi 400 Rev 1.0", "Pi 400", 4.8),
        ("Raspberry Pi 5 Model B Rev 1.0", "Pi 5", 6.4),
        ("Raspberry Pi 500 Rev 1.0", "Pi 500", 6.4),
        ("Raspberry Pi Compute Module 4 Rev 1.0", "CM4", 4.0),
        ("Raspberry Pi Compute Module 4S Rev 1.0", "CM4S", 4.0),
        ("Raspberry Pi Compute Module 5 Rev 1.0", "CM5", 6.4),
        ("Raspberry Pi Zero 2 W Rev 1.0", "Zero 2 W", 4 / 3),
    ],
)
def test_a_board_is_identified_by_the_model_name_in_the_device_tree(tmp_path, model, name, millions) -> None:
    (tmp_path / "model").write_bytes(model.encode() + b"\0")
    board = this_board(tmp_path / "model")
    assert board.name == name
    assert board.instructions_per_period == pytest.approx(millions * 1e6)
    assert board.budget_instructions == pytest.approx(0.6 * millions * 1e6)


def test_longer_names_precede_their_beginnings() -> None:
    starts = [start for start, _ in BOARDS]
    for index, start in enumerate(starts):
        assert not any(start.startswith(before) for before in starts[:index])


def test_other_boards_keep_their_name_and_a_missing_name_is_unknown(tmp_path) -> None:
    (tmp_path / "model").write_bytes(b"Radxa ROCK 5B\0")
    assert this_board(tmp_path / "model") == Board("Radxa ROCK 5B")
    assert this_board(tmp_path / "missing") == UNKNOWN
    assert UNKNOWN.budget_instructions is None


def test_a_too_costly_bundle_is_refused_with_both_figures() -> None:
    with pytest.raises(Refused) as caught:
        check_cost(costing(5_100_000), PI_4)
    assert caught.value.code == ErrorCode.TOO_COSTLY
    assert str(caught.value) == (
        "the bundle needs 5.1 M instructions per period but the device's board has 2.4 M for sound; "
        "prune the bundle further"
    )
    assert check_cost(costing(2_400_000), PI_4)
    assert check_cost(costing(3_800_000), PI_5)


@pytest.mark.parametrize(("cost", "board"), [(costing(None), PI_4), (costing(10), UNKNOWN)])
def test_an_unknown_cost_or_speed_is_neither_refused_nor_passed(cost: Cost, board: Board) -> None:
    assert not check_cost(cost, board)
