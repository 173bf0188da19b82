"""Training: efforts, losses, random streams, the loop."""
