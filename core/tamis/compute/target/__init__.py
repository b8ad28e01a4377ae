"""Towards a target: vectors and scores that say how near a row is to examples of what is wanted, and how well a pool has it."""
