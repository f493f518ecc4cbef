"""Erasure: a person is taken out of all that is kept here, and each account is asked to delete them."""
