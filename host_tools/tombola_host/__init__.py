"""The Tombola host tools: from folders of recordings to a flashed bundle."""

__version__ = "0.1.0"
