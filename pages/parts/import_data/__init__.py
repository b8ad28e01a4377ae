"""What only the page Import draws."""
