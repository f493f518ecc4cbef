"""State of the sandbox: one SQLite file and the questions asked of it."""
