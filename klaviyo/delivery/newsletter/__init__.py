"""Newsletter: a person's own opt-in or opt-out, forwarded to each account of the store."""
