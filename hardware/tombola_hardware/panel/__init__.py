"""The front panel and the board behind it, from the positions in instrument.py."""
