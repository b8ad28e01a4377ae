"""What several rooms of tests use: the scale of a run, workspaces made once, servers, real and fake clusters."""
