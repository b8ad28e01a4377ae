"""Runs and jobs, wherever they are shown."""
