"""The lottery: it chooses the units of a dense network that make a ticket."""
