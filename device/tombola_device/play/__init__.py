"""From performance to controls: keys, voices, blends, MIDI, the clock, and rendering without a device."""
