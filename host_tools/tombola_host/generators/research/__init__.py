"""Published networks at their published sizes: trained, pruned and measured on the host, never played by the device."""
