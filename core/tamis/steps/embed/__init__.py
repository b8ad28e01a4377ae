"""embed: texts to unit vectors."""
