"""What becomes of a row: its columns by their types, as Klaviyo's fields; pure, without database or requests."""
