"""The flagship generator: harmonics and noise around a small recurrent trunk."""
