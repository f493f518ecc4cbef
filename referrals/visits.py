"""Counts visits: landings become visits, a moment after the friend has gone on to the shop.

Whoever changes their browser's name with each request looks like many people, so visits are limited, by the hour.
An office or a school is one network: twenty of its people an hour are counted for one advocate, and the others reach
the shop all the same.

Mail gateways open each link of a message as it arrives, in the name of a browser. Who comes by an invite within a
minute of it, or gives no browser's name, is no sign that the friend has come: the invite stays open.
"""

import logging
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from referrals import lifecycle, tallies
from referrals.lifecycle import locks
from referrals.lifecycle.visits import ONE_VISIT
from referrals.models import Advocate, Invite, Landing

logger = logging.getLogger(__name__)

TRIED_FOR = timedelta(days=7)

JUST_MAILED = timedelta(minutes=1)

HOUR = timedelta(hours=1)
MOST_OF_A_NETWORK = 20  # with one code
MOST_OF_A_CODE = 2_000
MOST_OF_A_STORE = 20_000


def count(limit: int = 1_000) -> int:
    """Makes visits of the oldest landings, and says how many landings that were.

    Any number may count at once: a landing belongs to whoever deletes it, in the transaction of its visit.
    Landings of unknown codes are dropped. One that fails is tried again until it is a week old.
    """
    Landing.objects.filter(~Exists(Advocate.objects.filter(referral_code=OuterRef("code")))).delete()
    landings = list(Landing.objects.order_by("pk")[:limit])
    owners = Advocate.objects.select_related("program").filter(referral_code__in={landing.code for landing in landings})
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
    if invite and _is_too_early_to_say(landing, invite):
        return False
    if invite and invite.closed_at is None and not _is_a_sign_of_the_friend(landing, invite):
        invite = None
    try:
        with transaction.atomic():
            mine, _ = Landing.objects.filter(pk=landing.pk).delete()  # 0 for all but one: the others wait for it
            if mine and not _is_counted(landing, advocate) and not _has_room(landing, advocate):
                if invite:
                    lifecycle.close(invite, Invite.Closing.VISITED)
            elif mine:
                lifecycle.visit(
                    advocate,
                    landing_page=landing.landing_page,
                    referrer=landing.referrer,
                    visitor=_known_mark(landing, advocate),
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


def _is_counted(landing: Landing, advocate: Advocate) -> bool:
    """Whether it adds nothing to a visit that is known."""
    nearby = (landing.occurred_at - ONE_VISIT, landing.occurred_at + ONE_VISIT)
    marks = filter(None, (landing.visitor, landing.visitor_beyond_midnight))
    return advocate.visits.filter(visitor__in=list(marks), occurred_at__range=nearby).exists()


def _known_mark(landing: Landing, advocate: Advocate) -> str:
    """The mark of a visit that began, or goes on, beyond midnight; else the landing's own."""
    if not landing.visitor_beyond_midnight:
        return landing.visitor
    locks.take(advocate.pk)  # so that nobody makes that visit meanwhile
    beyond = advocate.visits.filter(
        visitor=landing.visitor_beyond_midnight,
        occurred_at__gt=landing.occurred_at - ONE_VISIT,
        occurred_at__lt=landing.occurred_at + ONE_VISIT,
    )
    return landing.visitor_beyond_midnight if beyond.exists() else landing.visitor


def _is_too_early_to_say(landing: Landing, invite: Invite) -> bool:
    """Whether the invite may be going out this minute: gateways come before the mail server has answered us."""
    return invite.contacted_at is None and landing.occurred_at > timezone.now() - JUST_MAILED


def _is_a_sign_of_the_friend(landing: Landing, invite: Invite) -> bool:
    mailed_at = invite.mailed_at or invite.contacted_at
    is_from_the_mail = mailed_at and abs(landing.occurred_at - mailed_at) < JUST_MAILED
    return landing.is_browser and not is_from_the_mail


def _has_room(landing: Landing, advocate: Advocate) -> bool:
    """Counts one more visit in its hour; whether that is within the limits. What one limit refuses costs no other."""
    hour = landing.occurred_at.strftime("%Y-%m-%d %H")
    limits = (
        ("network", f"{landing.network}\n{landing.code}", MOST_OF_A_NETWORK if landing.network else MOST_OF_A_CODE),
        ("code", landing.code, MOST_OF_A_CODE),
        ("store", str(advocate.program.store_id), MOST_OF_A_STORE),
    )
    return all(tallies.count(f"visits.{of}", f"{about}\n{hour}", HOUR).number <= most for of, about, most in limits)
