"""What happens to jobs between being asked for and being over: queue, start, reconcile, wait."""
