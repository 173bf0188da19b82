"""The cost of a bundle: time on this machine, instructions on a Raspberry Pi."""
