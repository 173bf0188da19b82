"""Hits: a small convolutional generator that gives a whole drum sound at each onset. Its training is a first sketch."""
