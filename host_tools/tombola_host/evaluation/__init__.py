"""What a sound is worth, in figures: spectra, pitch, likeness to the recordings, clicks and levels."""
