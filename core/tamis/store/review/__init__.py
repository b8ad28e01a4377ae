"""What reviewers decide about rows."""
