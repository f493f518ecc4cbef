"""Consent: may this person be written to, and what does their opt-out mean for messages that wait."""
