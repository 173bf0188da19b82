"""What a bundle costs: time here, instructions of a Raspberry Pi there."""
