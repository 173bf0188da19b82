"""KiCad's files: read its libraries, write schematics, run its checks."""
