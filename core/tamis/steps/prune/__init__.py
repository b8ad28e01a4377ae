"""prune: which rows to show a model when a share of its weights is removed."""
