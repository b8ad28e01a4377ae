"""project: vectors to two dimensions."""
