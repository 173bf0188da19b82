"""Listening sessions: what is compared, by whom, what they said, and what is learned from it."""
