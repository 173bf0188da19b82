"""A small guarded server for pages on this computer. It knows nothing of the instrument."""
