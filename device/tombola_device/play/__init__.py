"""Who plays what when: keys, voices, blends, MIDI, the clock, performances without a device."""
