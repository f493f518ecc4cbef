"""Operator pages about sends and people: found, grouped and put into words."""
