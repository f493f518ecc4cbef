"""Closes invites, so that nobody is reminded of them any more."""

from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from referrals import suppressions
from referrals.models import Invite, Program, Store


def close_open(invites: QuerySet[Invite], by: Invite.Closing) -> int:
    """Close those that are open, and say how many; whoever closed one before stays named.

    They may be several advocates'. All are locked in one order, after any advocate, so that no two closings
    wait for each other.
    """
    still_open = invites.filter(closed_at=None).order_by("pk").only("pk").select_for_update(of=("self",), no_key=True)
    mine = [invite.pk for invite in still_open]
    return Invite.objects.filter(pk__in=mine).update(closed_at=timezone.now(), closed_by=by)


def to_friend(email: str, *, program: Program | None = None, store: Store | None = None) -> QuerySet[Invite]:
    """Everybody's invites to this address, of the program or the store when one is given."""
    invites = Invite.objects.alias(address=Lower("recipient_email")).filter(address__in=suppressions.spellings(email))
    if program is not None:
        invites = invites.filter(advocate__program=program)
    if store is not None:
        invites = invites.filter(advocate__program__store=store)
    return invites
