"""Sources of MIDI: their interface, the back ends and the fakes."""
