"""cluster: vectors to named groups."""
