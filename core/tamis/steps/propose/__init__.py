"""propose: what to keep, drop or replace, for a person to decide."""
