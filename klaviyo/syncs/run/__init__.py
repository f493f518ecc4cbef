"""Runs: read, compare, send, remove; by whichever worker has time, and on from where the last one was."""
