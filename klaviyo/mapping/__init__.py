"""Mapping: from a referral fact to the JSON that Klaviyo takes."""
