"""Where notes come from: one seam, its fakes and its back ends."""
