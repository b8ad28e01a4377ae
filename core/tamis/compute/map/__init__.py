"""Layouts, and what is drawn of them."""
