"""The map, wherever it is drawn."""
