"""Tombola's circuit, described once: schematic, netlist, pin map, bill of materials and device tree follow from it."""

__version__ = "0.1.0"
