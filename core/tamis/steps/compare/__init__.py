"""compare: selections of one dataset beside each other."""
