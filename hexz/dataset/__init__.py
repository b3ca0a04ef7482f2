"""Examples from files: read, filtered, counted, and written in formats that other programs read."""
