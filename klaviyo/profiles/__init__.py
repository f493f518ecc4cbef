"""Profiles: people at Klaviyo, found by look-ups, and their referral data, brought by upserts."""
