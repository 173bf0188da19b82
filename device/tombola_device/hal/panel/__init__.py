"""Knobs, jacks, buttons, display and LEDs: their interface, the back ends and the fakes."""
