"""The player's manual says what the firmware does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tombola_device.surface.oled import leds
from tombola_device.surface.oled.menu import Page
from tombola_device.surface.routing import CvTarget, Source

DOCS = Path(__file__).parents[3] / "docs"
MANUAL = (DOCS / "manual.md").read_text()


@pytest.mark.parametrize("page", Page)
def test_every_page_stands_in_the_manual_with_its_picture(page):
    assert f"| {page.value} | ![{page.value}](pictures/pages/{page.value}.png)" in MANUAL


def test_every_picture_is_there():
    for path in re.findall(r"\]\((pictures/[^)]+)\)", MANUAL):
        assert (DOCS / path).is_file(), path


def test_leds_are_told_in_the_words_of_the_code():
    rows = re.findall(r"^(\S.*?)  +(\S.*)$", leds.__doc__, re.MULTILINE)
    assert len(rows) == 5
    for state, meaning in rows:
        assert f"| {state} | {meaning} |" in MANUAL


def test_targets_and_sources_are_listed():
    for kind in (CvTarget, Source):
        for member in kind:
            word = "weight 1 … 5" if member.value.startswith("weight") else member.value
            assert word == "none" or word in MANUAL


def test_messages_are_those_of_the_code():
    package = DOCS.parent / "device" / "tombola_device"
    code = re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in package.rglob("*.py")))
    table = MANUAL.split("## What it may say")[1]
    messages = re.findall(r"^\| (.+?) \| ", table, re.MULTILINE)[1:]
    assert len(messages) == 7
    for message in messages:
        for part in message.split("…"):
            assert part.strip() in code or set(part) <= {"-"}, part
