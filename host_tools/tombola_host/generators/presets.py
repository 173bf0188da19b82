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
        step_s: Processor seconds of a step of the small dense network, for estimates: in the control domain where the
            family has one, on a shared machine.
    """

    sizes: Mapping[str, Facts]
    taught: str = ""
    step_s: float = 0.075


PRESETS: dict[str, Preset] = {
    "voice": Preset(
        {"small": {"input": 256, "hidden": 256}, "published": {"input": 1024, "hidden": 1024}},
        taught="head",
        step_s=0.026,
    ),
    "hits": Preset({"small": {"embedding": 32, "trunk": 48, "hidden": 96}}, taught="out"),
    "ddsp": Preset(
        {"small": {"gru": 192, "mlp": 96, "encoder": 64}, "published": {"gru": 512, "mlp": 512, "encoder": 512}},
        taught="head",
        step_s=0.085,
    ),
    "wavenet": Preset(
        {
            "small": {"layers": 10, "trunk": 48, "gated": 48, "skip": 96, "hidden": 96},
            "published": {"layers": 40, "trunk": 128, "gated": 128, "skip": 256, "hidden": 256},
        },
        taught="classes",
        step_s=0.25,
    ),
    "sing": Preset(
        {"small": {"channels": 512, "code": 32}, "published": {"channels": 4096, "code": 128}},
        taught="frames",
        step_s=0.06,
    ),
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
