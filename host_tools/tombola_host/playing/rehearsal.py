"""Whether an instrument would take a bundle."""

from __future__ import annotations

from typing import Final

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.engine.probe_child import probe_in_child

from tombola_host.progress import Reporter

CHECKING: Final = "checking"
CHECKED_S: Final = 3.0
"""Of a factory bundle on one core."""


def rehearse(bundle: Bundle, reporter: Reporter) -> None:
    """Refuse what an instrument would refuse, by the same probe; how fast its board is is not known here.

    Raises:
        BadBundle: The bundle does not play.
    """
    step = reporter.task(CHECKING)
    try:
        probe_in_child(bundle)
    except BadBundle as error:
        raise BadBundle(f"the bundle {bundle.manifest.name!r} does not play: {error}") from error
    step(1, 1, "")
