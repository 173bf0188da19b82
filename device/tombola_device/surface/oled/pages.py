"""Draws the pages. Pure: a view and the menu's state in, a picture out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tombola_device.surface.actions import JACKS
from tombola_device.surface.oled.canvas import HEIGHT, LETTER_WIDTH, WIDTH, Canvas, wrapped
from tombola_device.surface.oled.menu import IDEAS, SLOT_ROWS, Menu, Page
from tombola_device.surface.view import View

if TYPE_CHECKING:
    from PIL.Image import Image

ROWS: Final = 6
ROW_HEIGHT: Final = 9
TOP: Final = 11
FLOOR_DB: Final = -60.0
MOST_BARS: Final = 8


def draw(view: View, menu: Menu) -> Image:
    """Draw one page, 128 × 64, black and white; a fault, a notice or a flash lies over it."""
    canvas = Canvas()
    {
        Page.PLAY: _play,
        Page.SCENES: _scenes,
        Page.SETTINGS: _settings,
        Page.CALIBRATE: _calibrate,
        Page.SLOTS: _slots,
        Page.ABOUT: _about,
    }[menu.page](canvas, view, menu)
    asked = f"pair {view.asking_key}? push: yes   turn: no" if view.asking_key else ""
    words = asked or view.fault or ("card unplugged; the sound comes back with it" if view.lost else view.notice)
    if view.learning and not words:
        words = f"{view.learning}: move a control; push to cancel"
    if words:
        _overlay(canvas, words)
    elif view.flashing >= 0:
        _overlay(canvas, f"a bundle is coming: {100 * view.flashing:.0f} %", view.flashing)
    return canvas.image


def boot_picture(version: str) -> Image:
    """Draw the picture of the start: a drum of tickets, and the version."""
    canvas = Canvas()
    for spoke, (x, y) in enumerate(((64, 5), (88, 11), (100, 29), (88, 46), (64, 52), (40, 46), (28, 29), (40, 11))):
        canvas.frame(x - 4, y - 3, 9, 7)
        canvas.box(x - 4, y - 3, 9, 7) if spoke % 3 == 0 else None
    canvas.box(40, 23, 50, 12, white=False)
    canvas.text(44, 25, "tombola")
    canvas.right(WIDTH, HEIGHT - 8, version)
    return canvas.image


def _play(canvas: Canvas, view: View, _: Menu) -> None:
    """Draw a bar for each mode, and the name of the strongest in large letters."""
    strongest = max(range(len(view.blend)), key=lambda mode: view.blend[mode], default=-1)
    name = view.modes[strongest] if strongest >= 0 else "no bundle"
    canvas.text(0, 0, name, width=WIDTH - 26, big=True)
    share = view.blend[strongest] if strongest >= 0 else 0.0
    canvas.right(WIDTH, 0, f"{100 * share:.0f}%")
    canvas.right(WIDTH, 9, "slim" if view.slimmed else f"{view.sounding}/{view.voices}")
    first = max(min(strongest - MOST_BARS // 2, len(view.modes) - MOST_BARS), 0)
    shown = list(enumerate(zip(view.modes, view.blend, strict=True)))[first : first + MOST_BARS]
    width = WIDTH // max(len(shown), 1)
    for place, (_mode, (mode_name, weight)) in enumerate(shown):
        x, height = place * width, round(27 * weight)
        canvas.box(x, 46 - height, width - 3, height)
        canvas.box(x, 46, width - 3, 1)
        canvas.text(x, 48, mode_name, width=max(width - 2, LETTER_WIDTH))
    level = 1.0 - view.peak_db / FLOOR_DB
    canvas.bar(0, 58, 76, 6, level)
    tempo = f" {view.tempo_bpm:.0f}bpm" if view.tempo_bpm else ""
    canvas.right(WIDTH, 57, tempo or f"load {100 * view.load:.0f}%")


def _list(canvas: Canvas, rows: list[tuple[str, str]], chosen: int) -> None:
    """Draw rows of two columns around the chosen row, which is white."""
    first = min(max(chosen - ROWS // 2, 0), max(len(rows) - ROWS, 0))
    for place, (left, right) in enumerate(rows[first : first + ROWS]):
        y, here = TOP + ROW_HEIGHT * place, first + place == chosen
        if here:
            canvas.box(0, y - 1, WIDTH, ROW_HEIGHT)
        room = WIDTH - 4 - LETTER_WIDTH * (len(right) + bool(right))
        canvas.text(2, y, left, width=room, white=not here)
        if right:
            canvas.right(WIDTH - 2, y, right, white=not here)


def _scenes(canvas: Canvas, view: View, menu: Menu) -> None:
    canvas.title("scenes", "push: recall")
    rows = [
        (f"{place + 1:2} {words or '·'}", "✓" if place == menu.scene else "") for place, words in enumerate(view.scenes)
    ]
    _list(canvas, [*rows, *((f"   {idea}", "") for idea in IDEAS)], menu.row)


def _settings(canvas: Canvas, view: View, menu: Menu) -> None:
    canvas.title("settings", "turn" if menu.editing else "push")
    rows = []
    for row, option in enumerate(view.options):
        editing = menu.editing and row == menu.row
        chosen = menu.candidate % len(option.choices) if editing and option.waits else option.chosen
        rows.append((option.name, f"<{option.choices[chosen]}>" if editing else option.choices[chosen]))
    _list(canvas, rows, menu.row)


def _calibrate(canvas: Canvas, view: View, menu: Menu) -> None:
    canvas.title("calibrate", f"{view.pitch_volts:+.3f}V")
    words, top = view.calibration, TOP + 2
    if not words:
        _list(canvas, [(jack, "") for jack in JACKS], menu.row)
        top += ROW_HEIGHT * len(JACKS)
        words = "with a cable to V/OCT" if menu.row else "1 V and 3 V, from the source you play with"
    for line, text in enumerate(wrapped(words, WIDTH // LETTER_WIDTH, (HEIGHT - top) // ROW_HEIGHT)):
        canvas.text(0, top + ROW_HEIGHT * line, text)


def _slots(canvas: Canvas, view: View, menu: Menu) -> None:
    canvas.title("slots", "sure? push" if menu.asks else "")
    state = "" if view.confirmed else "trial"
    canvas.text(2, TOP, f"now  {view.bundle}", width=WIDTH - 4 - LETTER_WIDTH * len(state))
    canvas.right(WIDTH - 2, TOP, state)
    canvas.text(2, TOP + ROW_HEIGHT, f"then {view.previous or '·'}", width=WIDTH - 4)
    allowed = view.allowed_bundle == view.asking_bundle
    rows = (
        ("go back", ""),
        (f"allow {view.asking_bundle or '·'}", "✓" if view.asking_bundle and allowed else ""),
        ("pair an owner", "open" if view.pairing else str(view.owners)),
    )
    assert len(rows) == len(SLOT_ROWS)
    for place, (left, right) in enumerate(rows):
        y, here = TOP + 2 + ROW_HEIGHT * (place + 2), place == menu.row
        if here:
            canvas.box(0, y - 1, WIDTH, ROW_HEIGHT)
        canvas.text(2, y, left, white=not here, width=WIDTH - 4 - LETTER_WIDTH * len(right))
        canvas.right(WIDTH - 2, y, right, white=not here)


def _about(canvas: Canvas, view: View, menu: Menu) -> None:
    canvas.title("about", f"{view.xruns} xruns")
    _list(canvas, [(line, "") for line in view.about], menu.row)


def _overlay(canvas: Canvas, words: str, share: float = -1.0) -> None:
    lines = wrapped(words, 19, 4)
    height = 9 * len(lines) + 7 + (8 if share >= 0 else 0)
    top = (HEIGHT - height) // 2
    canvas.box(3, top - 2, WIDTH - 6, height + 4, white=False)
    canvas.frame(4, top - 1, WIDTH - 8, height + 2)
    for line, text in enumerate(lines):
        canvas.text(8, top + 3 + 9 * line, text)
    if share >= 0:
        canvas.bar(8, top + height - 9, WIDTH - 16, 7, share)
