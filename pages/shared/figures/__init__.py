"""Figures of several pages."""
