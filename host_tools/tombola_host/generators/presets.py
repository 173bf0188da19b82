"""Sizes of dense networks by name, for studies; and the layer whose output a smaller network can be taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tombola_device.contract.errors import BadConfig

Facts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Preset:
    """The sizes of one family.

    Args:
        sizes: Name → fields of the family's size. ``small`` is trained in a minute on two cores.
        taught: Name of a module whose output has the same shape in every size; empty: it cannot be distilled.
    """

    sizes: Mapping[str, Facts]
    taught: str = ""


PRESETS: dict[str, Preset] = {
    "voice": Preset(
        {"small": {"input": 256, "hidden": 256}, "published": {"input": 1024, "hidden": 1024}}, taught="head"
    ),
    "hits": Preset({"small": {"embedding": 32, "trunk": 48, "hidden": 96}}, taught="out"),
}


def size_named(family: str, name: str) -> Facts:
    """Look a size up.

    Raises:
        BadConfig: The family has no size of that name.
    """
    sizes = PRESETS[family].sizes if family in PRESETS else {}
    if name not in sizes:
        known = ", ".join(sizes) or "none"
        raise BadConfig(f"the family {family!r} has no size {name!r} for studies; it has: {known}")
    return sizes[name]
