"""Performances from files, as sound."""
