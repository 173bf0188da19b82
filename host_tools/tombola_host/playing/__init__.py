"""Performances from files and built-in ones, rendered to sound."""
