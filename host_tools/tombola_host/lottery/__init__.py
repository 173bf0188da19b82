"""The lottery: which units of a dense network make a ticket."""
