"""Families of networks that turn controls into sound. A new family is one folder here and one line in ``FAMILIES``."""

from __future__ import annotations

from tombola_device.contract.errors import BadConfig

from tombola_host.generators.family import Family
from tombola_host.generators.hits.family import HitsFamily
from tombola_host.generators.voice.family import VoiceFamily

FAMILIES: dict[str, Family] = {
    "voice": VoiceFamily(),
    "hits": HitsFamily(),
}


def family_named(name: str) -> Family:
    """Look a family up.

    Raises:
        BadConfig: No family has that name.
    """
    if name not in FAMILIES:
        raise BadConfig(f"there is no family {name!r}; choose one of: {', '.join(FAMILIES)}")
    return FAMILIES[name]
