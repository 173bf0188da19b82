"""Opens a panel by its name in the configuration."""

from __future__ import annotations

import logging
from pathlib import Path

from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.panel.port import Panel

_LOG = logging.getLogger(__name__)


def open_panel(name: str) -> Panel | None:
    """Open a panel by its name in the configuration; None: no panel.

    Args:
        name: ``auto`` (the pins of a Raspberry Pi with gpiozero, else no panel), ``gpio``, ``mock`` or ``none``.

    Raises:
        DeviceUnavailable: The pins cannot be opened.
        BadConfig: The name is unknown.
    """
    if name not in ("auto", "gpio", "mock", "none"):
        raise BadConfig(f"the panel {name!r} is unknown; give auto, gpio, mock or none")
    if name == "none" or (name == "auto" and not on_a_pi()):
        return None
    try:
        from tombola_device.hal.panel.gpio import open_gpio_panel
        from tombola_device.hal.panel.mock import mock_panel

        return mock_panel().panel if name == "mock" else open_gpio_panel()
    except DeviceUnavailable as error:
        if name == "auto":
            _LOG.warning("%s", error)
            return None
        raise


def on_a_pi(model: Path = Path("/proc/device-tree/model")) -> bool:
    """Whether this computer is a Raspberry Pi, by the model name in the device tree."""
    try:
        return "Raspberry Pi" in model.read_text(errors="replace")
    except OSError:
        return False
