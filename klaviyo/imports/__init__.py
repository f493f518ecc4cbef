"""Bulk import jobs of profiles, followed to their end, and the backfill that is made of them.

A backfill tells an account of everybody who is in a store's programs already, by imports of some thousands at a time.
No delivery is written for each person: the backfill remembers how far it came, and an import may be made again. Whom
an import does not take gets a delivery of their own, which says why.
"""
