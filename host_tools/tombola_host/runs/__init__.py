"""Results on disk: run directories, and worker processes that share them."""
