"""What was computed: immutable artifacts on disk."""
