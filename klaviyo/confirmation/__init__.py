"""Event confirmation: what Klaviyo accepted is read back, and only an event that is seen there is confirmed."""
