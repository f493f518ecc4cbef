"""May this message go to this person? Sorae's own list first, then what the account says, and how old that is."""

from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from integrations.errors import OperatorRequired
from integrations.models import Connection
from klaviyo.api import values
from klaviyo.api.client import Client
from klaviyo.consent import decision, opt_outs, suppression
from klaviyo.consent.decision import Decision
from klaviyo.models import ProfileSync, Send
from klaviyo.profiles.lookup import Lookup
from referrals.models import Suppression

GOOD_FOR = timedelta(seconds=60)  # an answer of Klaviyo's; then it is asked again
HEARD = "Klaviyo has just told us by itself that the person opted out; its other answers lag behind."


def decide(sync: ProfileSync, message: str, email: str, lookup: Lookup) -> Decision:
    """The decision about an "invite" or a "reminder", from a look-up that has asked about the person."""
    if own := suppression.of(sync.store_id, email):
        return refused(sync, message, own)
    person = lookup.profile(email)
    attributes = person.attributes if person else None
    answer = decision.decide(person is not None, attributes, sync.policy(message), list_ids=sync.lists)
    answer = replace(answer, asked_at=lookup.asked_at(email))
    if answer.allowed and opt_outs.has_said_no_lately(sync.connection, email, person.id if person else ""):
        return replace(answer, allowed=False, code="opted_out_at_klaviyo", sentence=HEARD)
    return answer


def refused(sync: ProfileSync, message: str, own: Suppression) -> Decision:
    """The no of Sorae's own list, for which no account needs to be asked."""
    evidence = {"suppressed_at": own.created_at.isoformat()}
    return Decision(False, *suppression.words(own), sync.policy(message), evidence)


def is_stale(lookup: Lookup, email: str) -> bool:
    """Whether the account was not asked about the person, or its answer has become too old to act upon."""
    asked_at = lookup.asked_at(email)
    return asked_at is None or timezone.now() - asked_at > GOOD_FOR


def now(send: Send) -> Decision:
    """What would be decided this minute: asked live, nothing sent, nothing stored. Raises IntegrationError."""
    if send.sync is None:
        raise OperatorRequired("sync_off", "The store is no longer joined to this account.")
    email = values.address(send.invite.recipient_email)
    decisions = [_now(sync, send.kind, email) for sync in concerned(send.sync, send.channel == Send.Channel.SORAE)]
    return next((answer for answer in decisions if not answer.allowed), decisions[0])


def concerned(sync: ProfileSync, is_own_message: bool) -> list[ProfileSync]:
    """Whom to ask: the account that the event goes to; for a message of our own, every account of the store.

    What somebody has disconnected on purpose is not asked any more.
    """
    if not is_own_message:
        return [sync]
    others = ProfileSync.objects.filter(store=sync.store_id, is_enabled=True).exclude(pk=sync.pk)
    others = others.exclude(connection__state__in=Connection.ENDED)
    return [sync, *others.select_related("connection").order_by("pk")]


def _now(sync: ProfileSync, message: str, email: str) -> Decision:
    lookup = Lookup(Client(sync.connection))
    lookup.ask([email])
    if problem := lookup.problem(email):
        raise problem
    return decide(sync, message, email, lookup)
