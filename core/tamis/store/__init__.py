"""Artifacts on disk, the database beside them, and every question a page asks about rows."""
