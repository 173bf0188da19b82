"""The panel for a mill or a laser: what is cut on one layer, what is engraved on another."""

from __future__ import annotations

import io

from tombola_hardware.panel.layout import HEIGHT_MM, WIDTH_MM, holes, ink, openings


def drawing() -> str:
    """A DXF of release 2000, mm, y up.

    Raises:
        ImportError: ezdxf is not installed.
    """
    from ezdxf._options import options
    from ezdxf.document import Drawing
    from ezdxf.filemanagement import new

    options.write_fixed_meta_data_for_testing = True
    document: Drawing = new("R2000", units=4)
    document.layers.add("CUT", color=1)
    document.layers.add("ENGRAVE", color=7)
    space = document.modelspace()
    corners = [(0, 0), (WIDTH_MM, 0), (WIDTH_MM, HEIGHT_MM), (0, HEIGHT_MM)]
    space.add_lwpolyline(corners, close=True, dxfattribs={"layer": "CUT"})
    for hole in holes():
        space.add_circle((hole.x, HEIGHT_MM - hole.y), hole.diameter / 2, dxfattribs={"layer": "CUT"})
    for opening in openings():
        x0, x1 = opening.x - opening.width / 2, opening.x + opening.width / 2
        y0, y1 = HEIGHT_MM - opening.y - opening.height / 2, HEIGHT_MM - opening.y + opening.height / 2
        r, quarter = opening.corner, 0.41421356
        path = [(x0 + r, y0, 0), (x1 - r, y0, quarter), (x1, y0 + r, 0), (x1, y1 - r, quarter),
                (x1 - r, y1, 0), (x0 + r, y1, quarter), (x0, y1 - r, 0), (x0, y0 + r, quarter)]  # fmt: skip
        space.add_lwpolyline(path, format="xyb", close=True, dxfattribs={"layer": "CUT"})
    for mark in ink():
        points = [(x, HEIGHT_MM - y) for x, y in mark.points]
        space.add_lwpolyline(points, dxfattribs={"layer": "ENGRAVE", "const_width": mark.width})
    stream = io.StringIO()
    document.write(stream)
    return stream.getvalue()
