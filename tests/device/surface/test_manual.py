"""The player's manual says what the firmware does."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from tombola_device.config import Config, read_config
from tombola_device.contract.errors import BadConfig
from tombola_device.surface.oled import leds
from tombola_device.surface.oled.menu import Page
from tombola_device.surface.routing import CvTarget, CvTargets, Source

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
            ranges = {"weight": "weight 1 … 5", "word": "word 1 … 4"}
            word = ranges.get(member.value.split()[0], member.value)
            assert word == "none" or word in MANUAL


def test_free_inputs_are_named_as_on_the_panel_with_what_they_move_at_first():
    first = CvTargets()
    assert first.cv_1 is CvTarget.LEVEL  # Its jack stands below the knob LEVEL.
    for name, target in (("CV I", first.cv_1), ("CV II", first.cv_2)):
        assert f"{target.value} ({name} at first)" in MANUAL
    assert first.cv_3 is CvTarget.NONE
    assert not re.search(r"\bCV [123]\b", MANUAL)


def test_messages_are_those_of_the_code():
    package = DOCS.parent / "device" / "tombola_device"
    code = re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in package.rglob("*.py")))
    table = MANUAL.split("## Messages")[1]
    messages = re.findall(r"^\| (.+?) \| ", table, re.MULTILINE)[1:]
    assert len(messages) == 9
    for message in messages:
        for part in message.split("…"):
            assert part.strip() in code or set(part) <= {"-"}, part


def test_every_key_of_the_configuration_is_listed_with_its_default():
    table = MANUAL.split("## The configuration file")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \| (.+) \|$", table, re.MULTILINE)
    fields = msgspec.structs.fields(Config)
    assert [(name, default) for name, default, _ in rows] == [
        (field.encode_name, json.dumps(field.default)) for field in fields
    ]
    for name, default, _ in rows:
        assert tomllib.loads(f"{name} = {default}") == {name: getattr(Config(), name)}


def test_ranges_of_the_configuration_are_those_that_are_refused_beyond(tmp_path):
    table = MANUAL.split("## The configuration file")[1].split("\n## ")[0]
    ranges = re.findall(r"^\| `(\w+)` \|.*, (\d+) … (\d+)", table, re.MULTILINE)
    assert len(ranges) == 2
    path = tmp_path / "tombola.toml"
    for name, low, high in ranges:
        for value, fits in ((int(low), True), (int(high), True), (int(low) - 1, False), (int(high) + 1, False)):
            path.write_text(f"{name} = {value}\n")
            if fits:
                assert getattr(read_config(path), name) == value
            else:
                with pytest.raises(BadConfig, match=name):
                    read_config(path)
