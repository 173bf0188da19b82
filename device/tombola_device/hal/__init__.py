"""Hardware: sound, MIDI and the panel. Each has a Protocol, back ends and a fake."""
