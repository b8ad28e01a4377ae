"""refine: rounds of select, train, generate, score and reweigh."""
