"""Where the sound goes: one seam, its fakes and its back ends."""
