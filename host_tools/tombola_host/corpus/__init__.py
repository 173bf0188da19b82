"""From folders of recordings to analysed clips."""
