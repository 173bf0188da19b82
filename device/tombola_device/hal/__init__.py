"""The edges: sound out, MIDI in, the panel. Each a Protocol with back ends and a fake that is shipped."""
