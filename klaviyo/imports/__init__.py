"""Imports of profiles, on which Klaviyo works at its own pace."""
