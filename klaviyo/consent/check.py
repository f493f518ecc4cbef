"""Consent check of one message to one person: Sorae's own suppression list first, then the account's fresh answer."""

from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from integrations.errors import OperatorRequired
from integrations.models import Connection
from klaviyo.api import values
from klaviyo.api.client import Client
from klaviyo.consent import decision, heard_noes, opt_outs, suppression, topics
from klaviyo.consent.decision import Decision
from klaviyo.models import Send, StoreSetting
from klaviyo.profiles.batch import NOT_JOINED
from klaviyo.profiles.lookup import Lookup
from referrals import person_key, suppressions
from referrals.models import Suppression

GOOD_FOR = timedelta(seconds=60)  # an answer of Klaviyo's; then it is asked again
HEARD = topics.OPTED_OUT.saying(
    "Klaviyo has just told us by itself that the person opted out; its other answers lag behind."
)
HEARD_BEFORE = topics.OPTED_OUT.saying("The person has said no at an account that the store has, or had.")


def decide(setting: StoreSetting, message: str, email: str, lookup: Lookup) -> Decision:
    """The decision about an "invite" or a "reminder", from a look-up that has asked about the person."""
    if own := suppressions.of(setting.store_id, [email]).get(person_key.mailbox(email)):
        return refused(setting, message, own)
    person = lookup.profile(email)
    told = lookup.subscriptions(email)
    answer = decision.decide(told, setting.policy(message), list_ids=setting.lists)
    answer = replace(answer, asked_at=lookup.asked_at(email))
    if answer.allowed and opt_outs.has_said_no_lately(setting.connection, email, person.id if person else ""):
        return replace(answer, allowed=False, reason=HEARD)
    if answer.allowed and heard_noes.against(setting.store_id, email, told.email if told else None):
        return replace(answer, allowed=False, reason=HEARD_BEFORE)
    return answer


def refused(setting: StoreSetting, message: str, own: Suppression) -> Decision:
    """The no of Sorae's own list, for which no account needs to be asked."""
    evidence = {"suppressed_at": own.created_at.isoformat()}
    return Decision(False, suppression.reason(own), setting.policy(message), evidence)


def is_stale(lookup: Lookup, email: str) -> bool:
    """Whether the account was not asked about the person, or its answer has become too old to act upon."""
    asked_at = lookup.asked_at(email)
    return asked_at is None or timezone.now() - asked_at > GOOD_FOR


def now(send: Send) -> Decision:
    """What would be decided this minute: asked live, nothing sent, nothing stored. Raises IntegrationError."""
    joined = send.joined_by
    if joined is None:
        raise OperatorRequired(NOT_JOINED)
    email = values.address(send.invite.recipient_email)
    decisions = [_now(setting, send.kind, email) for setting in concerned(joined, send.channel == Send.Channel.SORAE)]
    return next((answer for answer in decisions if not answer.allowed), decisions[0])


def concerned(setting: StoreSetting, is_own_message: bool) -> list[StoreSetting]:
    """Whom to ask: the account that the event goes to; for a message of our own, every account of the store.

    What somebody has disconnected on purpose is not asked any more.
    """
    if not is_own_message:
        return [setting]
    others = StoreSetting.objects.filter(store=setting.store_id, is_enabled=True).exclude(pk=setting.pk)
    others = others.exclude(connection__state__in=Connection.ENDED)
    return [setting, *others.select_related("connection").order_by("pk")]


def _now(setting: StoreSetting, message: str, email: str) -> Decision:
    lookup = Lookup(Client(setting.connection), suppressions.spellings)
    lookup.ask([email])
    if problem := lookup.problem(email):
        raise problem
    return decide(setting, message, email, lookup)
