"""Knobs, jacks, buttons, display and lamps: one seam, its fakes and its back ends."""
