"""select: a subset of exactly the budget asked for."""
