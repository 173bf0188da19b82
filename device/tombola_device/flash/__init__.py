"""Receives bundles over the serial port."""
