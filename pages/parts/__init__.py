"""What only one page draws, a folder per page."""
