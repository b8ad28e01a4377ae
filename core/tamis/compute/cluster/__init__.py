"""Grouping vectors and naming the groups."""
