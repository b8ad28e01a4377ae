"""What changes: SQLite, opened only by the app and the command line."""
