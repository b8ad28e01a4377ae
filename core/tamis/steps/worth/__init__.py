"""worth: mixtures of clusters trained on alike, and what the losses say each cluster is worth."""
