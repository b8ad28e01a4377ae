"""What a map reads: the tiles of a layout, and its columns as one byte a row."""
