"""Counts visits: landings become visits, a moment after the friend has gone on to the shop."""

import logging
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from referrals import lifecycle
from referrals.models import Advocate, Invite, Landing

logger = logging.getLogger(__name__)

TRIED_FOR = timedelta(days=7)


def count(limit: int = 1_000) -> int:
    """Makes visits of the oldest landings, and says how many landings that were.

    Any number may count at once: a landing belongs to whoever deletes it, in the transaction of its visit.
    Landings of unknown codes are dropped. One that fails is tried again until it is a week old.
    """
    Landing.objects.filter(~Exists(Advocate.objects.filter(referral_code=OuterRef("code")))).delete()
    landings = list(Landing.objects.order_by("pk")[:limit])
    owners = Advocate.objects.filter(referral_code__in={landing.code for landing in landings})
    people = {person.referral_code: person for person in owners}
    invites = _invites(landings)
    return sum(
        _count(landing, people[landing.code], invites.get((landing.invite_uid, people[landing.code].pk)))
        for landing in landings
        if landing.code in people
    )


def _invites(landings: list[Landing]) -> dict[tuple[UUID | None, int], Invite]:
    """The invites that friends came through, by id and advocate: a link may name an invite of somebody else's."""
    uids = {landing.invite_uid for landing in landings if landing.invite_uid}
    return {(invite.uid, invite.advocate_id): invite for invite in Invite.objects.filter(uid__in=uids)}


def _count(landing: Landing, advocate: Advocate, invite: Invite | None) -> bool:
    try:
        with transaction.atomic():
            mine, _ = Landing.objects.filter(pk=landing.pk).delete()  # 0 for all but one: the others wait for it
            if mine:
                lifecycle.visit(
                    advocate,
                    landing_page=landing.landing_page,
                    referrer=landing.referrer,
                    visitor=landing.visitor,
                    channel=landing.channel,
                    invite=invite,
                    occurred_at=landing.occurred_at,
                )
            return bool(mine)
    except Exception as error:  # one landing that fails keeps no other from being counted
        too_late = landing.occurred_at < timezone.now() - TRIED_FOR
        if too_late:
            Landing.objects.filter(pk=landing.pk).delete()
        outcome = "is dropped" if too_late else "will be tried again"
        logger.error("A landing could not be counted and %s: %s", outcome, type(error).__name__)
        return False
