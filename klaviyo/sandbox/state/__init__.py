"""What the sandbox remembers: one SQLite file and the questions asked of it."""
