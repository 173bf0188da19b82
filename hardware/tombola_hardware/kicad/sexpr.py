"""S-expressions, as KiCad writes them: nested lists whose atoms are words, numbers and quoted strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from tombola_hardware.errors import BadDrawing

Node: TypeAlias = str | list[Any]
"""A list, or an atom; a quoted one keeps its quotes, so that what is read can be written again."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+')


def parse(text: str) -> list[Node]:
    """The one list that a file holds.

    Raises:
        BadDrawing: It does not hold together.
    """
    stack: list[list[Node]] = [[]]
    for word in _TOKEN.findall(text):
        if word == "(":
            stack.append([])
        elif word == ")":
            if len(stack) == 1:
                raise BadDrawing("an S-expression closes more than it opens; write the file again")
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(word)
    if len(stack) != 1 or len(stack[0]) != 1 or isinstance(stack[0][0], str):
        raise BadDrawing("an S-expression is not one whole list; write the file again")
    return stack[0][0]


def read(path: Path) -> list[Node]:
    """The list in a file."""
    return parse(path.read_text("utf-8"))


def quote(text: str) -> str:
    """A quoted atom."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def unquote(node: Node) -> str:
    """What an atom says."""
    if isinstance(node, list):
        raise BadDrawing(f"a list stands where a word is expected: {dump(node)[:60]}")
    return re.sub(r"\\(.)", r"\1", node[1:-1]) if node.startswith('"') else node


def children(node: Node, name: str) -> Iterator[list[Node]]:
    """The lists inside that begin with a name."""
    if isinstance(node, list):
        for child in node:
            if isinstance(child, list) and child and child[0] == name:
                yield child


def child(node: Node, name: str) -> list[Node] | None:
    """The first of them."""
    return next(children(node, name), None)


def the(node: Node, name: str) -> list[Node]:
    """The first of them, which must be there.

    Raises:
        BadDrawing: It is not.
    """
    found = child(node, name)
    if found is None:
        raise BadDrawing(f"there is no ({name} …) in {dump(node)[:60]}; the file is damaged or of an unknown format")
    return found


def dump(node: Node, depth: int = 0) -> str:
    """Text of a node: one line as long as it is short, else a line a list."""
    if isinstance(node, str):
        return node
    flat = "(" + " ".join(dump(inner) for inner in node) + ")"
    if len(flat) + depth <= 118:
        return flat
    lines: list[str] = []
    head = "("
    rest = list(node)
    while rest and isinstance(rest[0], str):
        head += dump(rest.pop(0)) + " "
    lines.append(head.rstrip())
    lines += [" " * (depth + 1) + dump(inner, depth + 1) for inner in rest]
    return "\n".join(lines) + ")"
