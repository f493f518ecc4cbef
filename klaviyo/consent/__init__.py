"""Consent: may this person be written to, and what a person's no means for what waits."""
