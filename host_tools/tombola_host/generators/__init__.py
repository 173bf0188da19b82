"""Families of networks that turn controls into sound."""
