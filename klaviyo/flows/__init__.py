"""Flows at Klaviyo that our events start: which there are, and what they have earned."""
