"""Tamis: sift instruction-tuning datasets. The library behind the pages and the command line."""

__version__ = "0.1.0"
