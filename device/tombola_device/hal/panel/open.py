"""Panels by their names in the configuration."""

from __future__ import annotations

from pathlib import Path

from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.panel.port import Panel


def open_panel(name: str) -> Panel | None:
    """Open the panel by its name in the configuration.

    Args:
        name: ``auto`` (the pins on a Raspberry Pi with gpiozero, else none), ``gpio``, ``mock`` or ``none``.

    Raises:
        DeviceUnavailable: The pins are not there.
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
    except DeviceUnavailable:
        if name == "auto":
            return None
        raise


def on_a_pi(model: Path = Path("/proc/device-tree/model")) -> bool:
    """Whether this computer says that it is a Raspberry Pi."""
    try:
        return "Raspberry Pi" in model.read_text(errors="replace")
    except OSError:
        return False
