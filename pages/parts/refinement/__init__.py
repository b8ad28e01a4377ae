"""What only the page Refinement draws."""
