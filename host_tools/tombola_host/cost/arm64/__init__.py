"""The cost of a bundle on a Raspberry Pi, counted in instructions on any machine.

root.py      an arm64 Debian tree with the wheels that the device needs
packages.py  Debian's part of the tree, fetched by apt and unpacked; nothing is installed
counter.c    a plugin for qemu that counts the guest's instructions between marks
workload.py  runs in the tree: the engine as on the instrument, with marks
count.py     builds the plugin, runs the workload, reads the counts
"""
