"""What encoders, language models and scores share about models on this machine: their files, devices and batches."""
