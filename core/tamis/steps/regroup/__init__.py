"""Clusters changed by hand: merged, split, or made of named rows."""
