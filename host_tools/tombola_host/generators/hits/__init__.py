"""Hits: a small convolutional generator that makes a whole drum sound at each onset. Its training is a first sketch."""
