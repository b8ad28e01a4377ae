"""What only the page Review draws."""
