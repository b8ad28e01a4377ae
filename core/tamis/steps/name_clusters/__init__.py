"""Names of clusters and of the groups above them, by a language model."""
