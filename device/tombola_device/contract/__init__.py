"""What the host may rely on: errors, controls, manifest, bundle and flash protocol. Pure Python, no I/O."""
