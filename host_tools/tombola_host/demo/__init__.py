"""From recordings to a playing instrument, all of it real."""
