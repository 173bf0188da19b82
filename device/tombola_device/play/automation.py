"""A blend that moves by itself, as a file: ``{"time_s": [0, 2], "blend": [[1, 0], [0, 1]]}``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tombola_device.contract.errors import BadConfig, ShapeError
from tombola_device.play.offline import BlendAutomation


def read_automation(path: Path, modes: int | None = None) -> BlendAutomation:
    """Read a blend automation.

    Args:
        modes: How many weights each point must have; any number by default.

    Raises:
        BadConfig: It cannot be read, is no such JSON, or has another number of weights.
    """
    try:
        automation = msgspec.json.decode(path.read_bytes(), type=BlendAutomation)
    except OSError as error:
        raise BadConfig(f"the automation {path} cannot be read ({error.strerror}); name another file") from error
    except (msgspec.DecodeError, ShapeError) as error:
        raise BadConfig(f"the automation {path} cannot be understood: {error}; correct it there") from error
    if modes is not None and len(automation.blend[0]) != modes:
        raise BadConfig(
            f"the automation {path} has {len(automation.blend[0])} weights a point; the bundle has {modes} modes"
        )
    return automation
