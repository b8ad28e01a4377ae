"""What can be said of texts without a model."""
