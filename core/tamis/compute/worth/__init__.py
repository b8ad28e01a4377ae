"""What a cluster is worth: mixtures to train on, a Gaussian process from shares to losses, and what it says of each cluster."""
