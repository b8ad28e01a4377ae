"""What only the page Overview draws."""
