"""referee: methods trained alike on equal tokens, seed after seed, until it is told which of them beats random or the cap."""
