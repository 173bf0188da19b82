"""The control surface, with or without hardware: what is shown goes out, what is asked for comes in."""
