"""What stands before the pages: the app as a server runs it, its gates and its own routes."""
