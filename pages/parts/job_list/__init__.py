"""What only the page Jobs draws."""
