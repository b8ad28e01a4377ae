"""examine: a model answers rows, and its answers are marked."""
