"""What only the page Fine-tune draws."""
