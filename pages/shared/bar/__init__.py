"""The bar at the top right of every page: where to go next, and what runs."""
