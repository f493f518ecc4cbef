"""Formats of the language in which the pages speak."""
