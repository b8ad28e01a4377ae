"""Holding selections, scores and answers beside each other."""
