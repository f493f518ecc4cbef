"""The newsletter: a person's own yes or no, forwarded to each account of the store."""
