"""What only the page Selection draws."""
