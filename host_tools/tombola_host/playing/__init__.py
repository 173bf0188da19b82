"""Performances from files and built-in ones, as sound."""
