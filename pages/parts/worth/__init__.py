"""Parts of the page Cluster worth."""
