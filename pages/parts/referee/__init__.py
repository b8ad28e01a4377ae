"""Parts of the page Referee."""
