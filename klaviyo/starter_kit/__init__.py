"""Starter kit: drafts of a list, segments, templates and flows in an operator's account, marked as ours."""
