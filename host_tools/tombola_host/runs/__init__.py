"""Work that is kept: run directories, and workers that share them."""
