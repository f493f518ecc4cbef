"""Erasure: a person is taken out of all records here, and each account is asked to delete their profile."""
