"""Endpoints of actions: how programs run them over HTTP, with a token, and look at what became of a run."""
