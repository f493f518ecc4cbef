"""The verbs of a referral's life, and the only way its facts are made.

Each verb takes its advocate's lock, stores one fact and sends the fact's one signal, all in one transaction:
an exception of a receiver takes the fact back. The same fact told again is returned as it is stored, and
nothing is sent. Input that cannot be right raises Django's ValidationError, whose messages say what, where
and what to do. Times are aware; a fact occurs now unless `occurred_at` tells of the past. Amounts are in
major units: Decimals, whole numbers or strings, never floats; currencies are codes of ISO 4217.
"""

from referrals.lifecycle.invites import invite, remind
from referrals.lifecycle.orders import convert, refund
from referrals.lifecycle.people import join, update
from referrals.lifecycle.rewards import pay, reverse, reward
from referrals.lifecycle.visits import visit

__all__ = ["convert", "invite", "join", "pay", "refund", "remind", "reverse", "reward", "update", "visit"]
