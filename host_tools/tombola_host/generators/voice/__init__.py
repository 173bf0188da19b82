"""The main generator: harmonics and noise, controlled by a small recurrent trunk."""
