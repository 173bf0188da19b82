"""Learning: windows of analysed frames, losses, the loop."""
