"""Rows, and which of them are meant."""
