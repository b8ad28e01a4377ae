"""What only the page Augment draws."""
