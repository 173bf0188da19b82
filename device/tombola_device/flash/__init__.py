"""The serial port's side: bundles come in."""
