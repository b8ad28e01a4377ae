"""The methods: pure functions on arrays."""
