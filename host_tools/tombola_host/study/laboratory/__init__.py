"""The lottery laboratory: a grid of tickets and their controls, trained, measured and compared."""
