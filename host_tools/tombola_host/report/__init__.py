"""Pages to read, to look at and to hear."""
