"""augment: the pure parts of writing rows: types, budget, bands and shapes, repeats, families, marks."""
