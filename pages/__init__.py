"""What a person sees: one script per page."""
