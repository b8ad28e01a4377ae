"""Jobs that outlive the tab and the server: queue, worker, and the function that brings the two together."""
