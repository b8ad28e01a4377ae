"""One attempt of one job, in a process of its own."""
