"""Which way of picking rows helps: paired differences over seeds and held-out families, and what may be claimed of them."""
