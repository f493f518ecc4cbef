"""Profiles: who people are at Klaviyo, found by look-ups, and our side of them, brought by upserts."""
