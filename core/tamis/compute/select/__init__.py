"""Picking rows: budgets, draws, and every selection method."""
