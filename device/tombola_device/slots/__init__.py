"""Stores bundles on the device, checks their owners, and probes whether they play."""
