"""What Klaviyo has taken is read back: only what is seen there is confirmed."""
