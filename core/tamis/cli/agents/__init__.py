"""The commands as tools of a language-model agent: which, with what schema, how they are run, and the server."""
