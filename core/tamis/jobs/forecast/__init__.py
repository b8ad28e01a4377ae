"""What a run will take, and what stands in its way, before it is submitted."""
