"""What only the page Export draws."""
