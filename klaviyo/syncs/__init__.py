"""Syncs: rows of a table, a query or a file, mapped and kept in step with Klaviyo, with every row accounted for."""
