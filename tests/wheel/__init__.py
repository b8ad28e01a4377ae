"""What `pip install` brings: its content, and its use in an environment of its own."""
