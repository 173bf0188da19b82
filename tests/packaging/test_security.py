"""docs/security.md: each claim names tests that hold it, and those tests exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/security.md").read_text()
TABLES = re.findall(r"\| Claim \| Held by \|\n\|---\|---\|\n((?:\|.*\|\n)+)", TEXT)
CLAIMS = [tuple(cell.strip() for cell in row.strip("|").split("|")) for table in TABLES for row in table.splitlines()]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_section_but_the_limits_has_claims():
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
    without = [section.splitlines()[0] for section in sections if "| Claim | Held by |" not in section]
    assert without == ["Limits"]
    assert len(CLAIMS) >= 40


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim[0])
def test_each_claim_is_held_by_tests_that_exist(claim):
    said, held = claim
    named = NAMED.findall(held)
    assert said
    assert named
    assert NAMED.sub("", held).strip(" ,") == ""
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert test in functions_of(file), f"{file} has no {test}"
