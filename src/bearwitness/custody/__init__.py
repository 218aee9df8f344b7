"""What is committed to, and the log: trees, entries, checkpoints, stamps."""
