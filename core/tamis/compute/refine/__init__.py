"""Cluster weights from round to round."""
