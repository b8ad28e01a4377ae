"""RECIPES: ways to fine-tune a model."""
