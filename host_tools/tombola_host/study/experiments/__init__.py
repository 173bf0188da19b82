"""The experiments behind the tables in docs/notebook: each is a resumable module with a main, over several seeds."""
