"""Families of networks that turn controls into sound. A new family is one folder here and one line in ``FAMILIES``."""

from __future__ import annotations

from tombola_device.contract.errors import BadConfig

from tombola_host.generators.family import Family, Learnable
from tombola_host.generators.hits.family import HitsFamily
from tombola_host.generators.research.ddsp import Ddsp, DdspSize
from tombola_host.generators.research.family import PublishedFamily
from tombola_host.generators.research.sing import Sing, SingSize
from tombola_host.generators.research.wavenet import Wavenet, WavenetSize
from tombola_host.generators.voice.family import VoiceFamily

FAMILIES: dict[str, Family] = {
    "voice": VoiceFamily(),
    "hits": HitsFamily(),
}

RESEARCH: dict[str, Learnable] = {
    "ddsp": PublishedFamily("ddsp", Ddsp, DdspSize(), DdspSize),
    "wavenet": PublishedFamily("wavenet", Wavenet, WavenetSize(), WavenetSize),
    "sing": PublishedFamily("sing", Sing, SingSize(), SingSize),
}
"""Published networks: they are trained, pruned and measured on the host, and the instrument does not play them."""


def learnable_named(name: str) -> Learnable:
    """Look up a family of either kind.

    Raises:
        BadConfig: No family has that name.
    """
    found: Learnable | None = FAMILIES.get(name) or RESEARCH.get(name)
    if found is None:
        raise BadConfig(f"there is no family {name!r}; choose one of: {', '.join([*FAMILIES, *RESEARCH])}")
    return found


def family_named(name: str) -> Family:
    """Look a family up.

    Raises:
        BadConfig: No family has that name.
    """
    if name not in FAMILIES:
        raise BadConfig(f"there is no family {name!r}; choose one of: {', '.join(FAMILIES)}")
    return FAMILIES[name]
