"""Experiments whose tables stand in docs/notebook: each a module with a main, resumable, over several seeds."""
