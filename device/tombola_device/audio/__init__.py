"""The audio process, and the control process's connection to it."""
