"""Formats of days and times, one for all pages: Django's own lists too."""
