"""Sends: invites and reminders, through a Klaviyo flow or as Sorae's own e-mail."""
