"""SPICE: decks made of the declared parts, run by ngspice."""
