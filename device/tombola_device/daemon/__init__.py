"""The control process: what ties the instrument together, and what it tells of itself."""
