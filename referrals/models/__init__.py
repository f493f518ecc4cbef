"""The models: stores, programs, advocates, and the facts of a referral's life, which only `lifecycle` makes."""

from referrals.models.consent import OptIn, OptOut, Suppression, Wording
from referrals.models.facts import URL_LENGTH, Channel, Fact
from referrals.models.invites import Invite, Landing, Reminder, Visit
from referrals.models.orders import Conversion, Reward
from referrals.models.people import Advocate
from referrals.models.stores import Program, Store, _place_on_the_ring
from referrals.models.submissions import Submission
from referrals.models.tallies import Tally

__all__ = [
    "URL_LENGTH",
    "Advocate",
    "Channel",
    "Conversion",
    "Fact",
    "Invite",
    "Landing",
    "OptIn",
    "OptOut",
    "Program",
    "Reminder",
    "Reward",
    "Store",
    "Submission",
    "Suppression",
    "Tally",
    "Visit",
    "Wording",
    "_place_on_the_ring",
]
