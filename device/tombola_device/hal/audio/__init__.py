"""Sinks for sound: their interface, the back ends and the fakes."""
