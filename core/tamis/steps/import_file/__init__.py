"""import: a file to examples."""
