"""score: one number per example and the evidence for it."""
