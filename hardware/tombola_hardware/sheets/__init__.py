"""The sheets of the schematic, one file each: parts, nets, places and wires."""
