"""What can go wrong, each with one sentence: what, where, what to do.

HardwareError
├── BadBoard(ValueError)        the description contradicts itself, a library or a datasheet
├── BadDrawing(ValueError)      what is drawn is not what is described
└── ToolMissing(RuntimeError)   KiCad, dtc … is not installed, or failed
"""

from __future__ import annotations


class HardwareError(Exception):
    """Root of all errors of this package."""


class BadBoard(HardwareError, ValueError):
    """The description contradicts itself, a library or a datasheet."""


class BadDrawing(HardwareError, ValueError):
    """What is drawn is not what is described."""


class ToolMissing(HardwareError, RuntimeError):
    """A program that is needed is not installed, or failed."""
