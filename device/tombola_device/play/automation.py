"""Reads a blend automation from a file such as ``{"time_s": [0, 2], "blend": [[1, 0], [0, 1]]}``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tombola_device.contract.errors import BadConfig, ShapeError
from tombola_device.play.offline import BlendAutomation


def read_automation(path: Path, modes: int | None = None) -> BlendAutomation:
    """Read a blend automation.

    Args:
        path: A JSON file.
        modes: Number of weights that each point must have; None: any number.

    Raises:
        BadConfig: The file cannot be read, is not a blend automation, or has another number of weights.

    >>> path = Path("sweep.json")
    >>> _ = path.write_text('{"time_s": [0, 2], "blend": [[1, 0], [0, 1]]}')
    >>> read_automation(path).at(0.5)
    array([0.75, 0.25], dtype=float32)
    """
    try:
        automation = msgspec.json.decode(path.read_bytes(), type=BlendAutomation)
    except OSError as error:
        raise BadConfig(f"the automation {path} cannot be read ({error.strerror}); name another file") from error
    except (msgspec.DecodeError, ShapeError) as error:
        raise BadConfig(f"the automation {path} is invalid: {error}; correct it there") from error
    if modes is not None and len(automation.blend[0]) != modes:
        raise BadConfig(
            f"the automation {path} has {len(automation.blend[0])} weights per point but the bundle has {modes} modes; "
            "write one weight per mode"
        )
    return automation
