"""The serial line to the instrument, and the keys that sign what goes over it."""
