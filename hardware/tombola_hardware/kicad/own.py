"""What is ours in a file of KiCad's: another version of its libraries draws symbols and footprints otherwise."""

from __future__ import annotations

import hashlib

from tombola_hardware.kicad.sexpr import Node, dump, parse


def own(text: str) -> str:
    """A drawing or a board without KiCad's symbols and footprints in it: their places and nets stay."""
    return dump(_without(parse(text)))


def fingerprint(text: str) -> str:
    """A few letters that change with what is ours: what was made of a file tells with them which file."""
    return hashlib.sha256(own(text).encode()).hexdigest()[:16]


def _without(node: Node) -> Node:
    if isinstance(node, str) or not node:
        return node
    if node[0] == "lib_symbols":
        return ["lib_symbols"]
    if node[0] == "footprint":
        entries = [entry for entry in node[2:] if isinstance(entry, list)]
        nets = [inner for entry in entries if entry[0] == "pad" for inner in entry if inner and inner[0] == "net"]
        return ["footprint", node[1], *[entry for entry in entries if entry[0] in {"layer", "uuid", "at"}], *nets]
    return [_without(inner) for inner in node]
