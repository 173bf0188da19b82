"""Where bundles live, whose they may be, and whether they play here."""
