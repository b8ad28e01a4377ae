"""What only the page Scores draws."""
