"""What a bundle costs on a Raspberry Pi, counted in instructions on any machine.

root.py      an arm64 Debian tree, with the wheels that the device needs
packages.py  Debian's part of it, fetched by apt and unpacked; nothing is installed
counter.c    a plugin of qemu's that counts the guest's instructions between marks
workload.py  what runs in there: the engine as the instrument runs it, with marks
count.py     builds the plugin, runs the workload, reads the counts
"""
