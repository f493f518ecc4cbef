"""The verbs of a referral's life, and the only way its facts are made.

Each verb takes its advocate's lock (or its store's), stores one fact and sends the fact's one signal, all in one
transaction: an exception of a receiver takes the fact back. The same fact told again is returned as it is stored, and
nothing is sent. Input that cannot be right raises Django's ValidationError, whose messages say what, where
and what to do. Times are aware; a fact occurs now unless `occurred_at` tells of the past.
What is older than a person's erasure is kept without them (`referrals.erased`). Amounts are in
major units: Decimals, whole numbers or strings, never floats; currencies are codes of ISO 4217.
"""

from referrals.lifecycle.consent import confirm, opt_in, opt_out, suppress
from referrals.lifecycle.erasure import erase
from referrals.lifecycle.invites import close, invite, remind, went_out
from referrals.lifecycle.orders import convert, refund
from referrals.lifecycle.people import join, update
from referrals.lifecycle.rewards import pay, reverse, reward
from referrals.lifecycle.visits import visit

__all__ = [
    "close",
    "confirm",
    "convert",
    "erase",
    "invite",
    "join",
    "opt_in",
    "opt_out",
    "pay",
    "refund",
    "remind",
    "reverse",
    "reward",
    "suppress",
    "update",
    "visit",
    "went_out",
]
