"""Small files that survive a power cut."""
