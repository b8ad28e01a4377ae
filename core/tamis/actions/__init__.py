"""The verbs: what a button, a command and a method of the front door do, each written once."""
