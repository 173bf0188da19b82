"""Copper that matters: where the 12 V go, where pitch is summed, where USB runs."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

CELL_MM = 0.05
ROUTE_12_V = (
    ("P12_IN", ("J11", "9"), ("F11", "1")),
    ("P12_FUSED", ("F11", "2"), ("D11", "2")),
    ("+12V", ("D11", "1"), ("Q11", "2")),
    ("P12_SOFT", ("Q11", "3"), ("U11", "A1")),
)
CLOCKS = ("SPI_SCLK", "SPI_MOSI", "SPI_MISO", "CS_KNOBS", "CS_CV", "I2S_BCK", "I2S_LRCK", "I2S_DATA", "SDA", "SCL",
          "MIDI_TX", "MIDI_RX")  # fmt: skip


@pytest.fixture(scope="module")
def front(poured):
    """Copper of a net in front of the main board, as a picture: shape (rows, columns)."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed; make env")
    from PIL import ImageDraw
    from tombola_hardware.kicad.sexpr import children, parse, the, unquote
    from tombola_hardware.panel.boards import BOARD_MM

    tree = parse(poured["main"].read_text("utf-8"))
    numbers = {unquote(entry[2]): entry[1] for entry in children(tree, "net")}

    def place(entry):
        x, y = (float(unquote(value)) for value in entry[1:3])
        return (x - BOARD_MM[0]) / CELL_MM, (y - BOARD_MM[1]) / CELL_MM

    def draw(net, layer="F.Cu"):
        size = [round((BOARD_MM[axis + 2] - BOARD_MM[axis]) / CELL_MM) + 1 for axis in (0, 1)]
        picture = image.new("1", size)
        pen = ImageDraw.Draw(picture)
        for zone in children(tree, "zone"):
            if unquote(the(zone, "net_name")[1]) == net:
                for found in children(zone, "filled_polygon"):
                    if unquote(the(found, "layer")[1]) == layer:
                        pen.polygon([place(point) for point in the(found, "pts")[1:]], fill=1)
        for track in children(tree, "segment"):
            if the(track, "net")[1] == numbers[net] and unquote(the(track, "layer")[1]) == layer:
                wide = max(round(float(the(track, "width")[1]) / CELL_MM), 1)
                pen.line([place(the(track, "start")), place(the(track, "end"))], fill=1, width=wide)
        return np.array(picture)

    return draw


def widest_mm(copper, start, end):
    """Width of the widest strip that leads through copper from one place to another (places in cells)."""
    ndimage = pytest.importorskip("scipy.ndimage", reason="scipy is not installed; make env")
    room = 2 * CELL_MM * ndimage.distance_transform_edt(copper)
    low, high = 0.0, 10.0
    for _ in range(12):
        middle = (low + high) / 2
        parts, _ = ndimage.label(room >= middle)
        near = [set(parts[y - 12 : y + 13, x - 12 : x + 13].ravel()) - {0} for x, y in (start, end)]
        low, high = (middle, high) if near[0] & near[1] else (low, middle)
    return low


def test_widest_strip_of_a_bottle_is_its_neck():
    copper = np.zeros((200, 400), bool)
    copper[50:150, 20:380] = True
    copper[50:150, 190:210] = False
    copper[90:110, 190:210] = True
    assert widest_mm(copper, (60, 100), (340, 100)) == pytest.approx(20 * CELL_MM, abs=0.15)
    copper[90:110, 200] = False
    assert widest_mm(copper, (60, 100), (340, 100)) < 0.01


@pytest.mark.parametrize(("net", "start", "end"), ROUTE_12_V)
def test_12_volts_run_in_copper_that_0_8_amperes_warm_by_less_than_a_kelvin(front, main_board, net, start, end):
    """IPC-2221: I = 0.048 · K^0.44 · A^0.725, A in square mil, 35 µm thick, outer layer."""
    from tombola_hardware import ratings
    from tombola_hardware.panel.boards import BOARD_MM
    from tombola_hardware.panel.placing import pin_of

    spots = {spot.reference: spot for spot in main_board[1]}
    places = [
        tuple(round((at - edge) / CELL_MM) for at, edge in zip(pin_of(spots[reference], pin), BOARD_MM, strict=False))
        for reference, pin in (start, end)
    ]
    wide = widest_mm(front(net), *places)
    assert wide >= 1.5
    square_mil = wide / 0.0254 * 35 / 25.4
    kelvin = (ratings.plus_12_amps(6.4) / (0.048 * square_mil**0.725)) ** (1 / 0.44)
    assert kelvin < 1.0


def test_5_volts_go_down_to_their_plane_through_many_vias(main_board):
    from tombola_hardware.panel.boards import POWER_POURS_MM

    left, upper, right, lower = dict(POWER_POURS_MM)["+5V"]
    number = next(line.split()[1] for line in main_board[0].splitlines() if "(net " in line and '"+5V")' in line)
    assert vias_in(main_board[0], number, (left, upper, right, lower)) >= 12
    ground = next(line.split()[1] for line in main_board[0].splitlines() if "(net " in line and '"GND")' in line)
    assert vias_in(main_board[0], ground, (0, 0, 120, 130)) >= 150


def vias_in(text, number, box):
    from tombola_hardware.kicad.sexpr import children, parse, the

    found = 0
    for via in children(parse(text), "via"):
        x, y = (float(value) for value in the(via, "at")[1:3])
        found += the(via, "net")[1] == number and box[0] < x < box[2] and box[1] < y < box[3]
    return found


def apart_mm(one, other):
    """Between the middles of two straight tracks on one layer; far for two layers."""
    if one[0] != other[0]:
        return math.inf
    (a, b), (c, d) = (sorted((track[1], track[3])) for track in (one, other))
    (e, f), (g, h) = (sorted((track[2], track[4])) for track in (one, other))
    return math.hypot(max(a - d, c - b, 0.0), max(e - h, g - f, 0.0))


def test_where_inputs_are_summed_tracks_are_short_and_far_from_clocks():
    """A summing node takes whatever current comes near it; those of outputs are a twentieth as high in ohm."""
    from tombola_hardware.routing.routes import load

    laid = load("main")
    nodes = [net for net in laid if net.endswith("_SUM")]
    assert len(nodes) == 10
    for net in nodes:
        into = net.startswith(("V_OCT", "CV_X", "CV_Y", "CV_1", "CV_2", "CV_3"))
        long = sum(math.dist(track[1:3], track[3:5]) for track in laid[net].tracks)
        assert long < (40.0 if net == "V_OCT_SUM" else 22.0), net
        nearest = min(
            apart_mm(one, other) for clock in CLOCKS for one in laid[net].tracks for other in laid[clock].tracks
        )
        assert nearest > (2.0 if into else 0.5), net


def test_usb_runs_as_a_pair_through_its_guard(control_board):
    from tombola_hardware.routing import pair
    from tombola_hardware.routing.routes import load

    spots = {spot.reference: spot for spot in control_board[1]}
    laid, kept = pair.usb(spots), load("control")
    assert {net: kept[net] for net in laid} == laid
    # What goes from socket to header in front; the crossing to the socket's other row apart.
    runs = {net: [track for track in found.tracks if track[0] == "F.Cu"][:11] for net, found in laid.items()}
    lengths = {net: sum(math.dist(track[1:3], track[3:5]) for track in run) for net, run in runs.items()}
    for net, run in runs.items():
        assert all(one[3:5] == other[1:3] for one, other in pairwise(run)), net
    assert max(lengths.values()) < 20.0
    assert abs(lengths["USB_DP"] - lengths["USB_DM"]) < 3.0
    # 3 mm are 20 ps; USB 2.0 allows 100 ps at its high speed, 20 times faster than this port is used.
    middles = [((t[1] + t[3]) / 2, (t[2] + t[4]) / 2) for t in runs["USB_DP"] if math.dist(t[1:3], t[3:5]) > 1.5]
    beside = [min(apart_mm(("F.Cu", x, y, x, y), track) for track in runs["USB_DM"]) for x, y in middles]
    assert sorted(beside)[len(beside) // 2] < 2.0
    assert min(beside) == pytest.approx(pair.PITCH_MM, abs=0.11)
    assert all(math.isclose(track[0] == "F.Cu", 1) for run in runs.values() for track in run)


def test_router_does_not_forget_what_it_could_not_lay(kicad_libraries):
    """It did: a net that was open in the first round was tried no more, and called laid."""
    pytest.importorskip("numba", reason="numba is not installed; make env")
    from tombola_hardware.kicad.pcb import Spot
    from tombola_hardware.kinds import R_0805
    from tombola_hardware.routing.grid import Grid
    from tombola_hardware.routing.router import Router

    nets = (("R1", 2, 2, "A", "B"), ("R2", 2, 6, "C", "D"), ("R3", 10, 2, "C", "D"), ("R4", 10, 6, "A", "B"))
    spots = [Spot(name, "1k", R_0805, {"1": one, "2": other}, x, y) for name, x, y, one, other in nets]
    walled = [Spot(name, "1k", R_0805, {"1": "E", "2": "F"}, x, 14) for name, x in (("R5", 2.5), ("R6", 9.5))]
    cut = [(5.5, 10.0, 6.5, 18.0), (-1.0, 9.5, 13.0, 10.5)]
    router = Router(Grid((0.0, 0.0, 12.0, 18.0), cut, [], [*spots, *walled]), lambda text: None)
    assert not router.run()
    assert router.open == ["E", "F"]
