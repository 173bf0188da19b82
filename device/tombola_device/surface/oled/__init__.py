"""What the player sees and turns: a view, the pages that draw it, the menu that moves between them, and the LEDs."""
