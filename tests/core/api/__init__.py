"""Tests of the selection methods as rows of their table."""
