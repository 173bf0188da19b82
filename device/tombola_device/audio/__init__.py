"""The process that does nothing but audio, and the control process's side of it."""
