"""Measures of sound quality: spectral error, pitch, similarity to the recordings, clicks and levels."""
