"""Trainings of small models at equal tokens, each measured on the same held-out rows: what a referee and a worth rest on."""
