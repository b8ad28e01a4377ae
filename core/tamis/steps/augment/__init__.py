"""augment: rows that a model writes, as a dataset of their own, each with where it comes from and what speaks against it."""
