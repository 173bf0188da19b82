"""The computer's own keyboard, at a terminal: its interface, the back ends and the fake."""
