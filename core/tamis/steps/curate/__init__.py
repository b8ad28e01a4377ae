"""curate: a dataset with its decisions applied, as a new version."""
