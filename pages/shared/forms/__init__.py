"""Forms that several pages fill in."""
