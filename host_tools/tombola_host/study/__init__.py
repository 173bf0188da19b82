"""From folders to bundles, and experiments over many seeds."""
