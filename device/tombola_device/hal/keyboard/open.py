"""Opens the keyboard of the terminal that the program was started in."""

from __future__ import annotations

import os
import sys

from tombola_device.hal.keyboard.port import Keyboard


def open_keyboard() -> Keyboard | None:
    """The terminal's keyboard; None without a terminal, or if another program has it at the moment."""
    try:
        keys, screen = sys.stdin.fileno(), sys.stdout.fileno()
    except (OSError, ValueError, AttributeError):  # Closed, replaced or absent.
        return None
    if not (os.isatty(keys) and os.isatty(screen)):
        return None
    if sys.platform == "win32":
        from tombola_device.hal.keyboard.windows import WindowsKeyboard

        return WindowsKeyboard()
    if os.tcgetpgrp(keys) != os.getpgrp():  # In the background: to touch the terminal would stop the program.
        return None
    from tombola_device.hal.keyboard.posix import PosixKeyboard

    return PosixKeyboard(keys, screen)
