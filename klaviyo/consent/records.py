"""What each account that is concerned says about a message, decided and kept on record."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from integrations.models import Delivery
from integrations.outbox import leasing
from integrations.outcomes import CalledOff, Retry
from integrations.reasons import Who, declare
from klaviyo.api.client import Client
from klaviyo.consent import check
from klaviyo.consent.decision import Decision
from klaviyo.mapping import orders
from klaviyo.models import ConsentDecision, Send, StoreSetting
from klaviyo.profiles.batch import Batch
from klaviyo.profiles.lookup import Lookup

ACCOUNT_AWAY = declare(
    "account_away",
    "An account is away",
    "{account} must be asked as well, and is not connected.",
    because="another account of the store must be asked as well, and is not connected",
    means="A no that was said in any of the store's accounts counts, so all of them are asked.",
    who=Who.RECONNECT,
    do="Connect that account again, or part the store from it in the store's settings.",
)
WAIT_FOR_ACCOUNT = timedelta(minutes=2)


def make(batch: Batch, delivery: Delivery, setting: StoreSetting) -> Decision:
    """Ask until somebody says no; every answer is kept. The no, or else the first yes."""
    yeses: list[Decision] = []
    for asked, lookup in accounts(batch, delivery, setting):
        decision = _fresh(batch, delivery, asked, lookup)
        keep(batch, delivery, decision, asked)
        if not decision.allowed:
            return decision
        yeses.append(decision)
    return yeses[0]


def accounts(batch: Batch, delivery: Delivery, setting: StoreSetting) -> Iterator[tuple[StoreSetting, Lookup]]:
    """Each account that is concerned, with its answers. Raises CalledOff when one cannot be asked."""
    first, *others = check.concerned(setting, delivery.kind == "email")
    yield first, batch.people.lookup
    for other in others:
        if not other.connection.is_connected:
            reason = ACCOUNT_AWAY.about(account=other.connection)
            raise CalledOff(Retry(reason, after=WAIT_FOR_ACCOUNT, refund=True))
        lookup = batch.elsewhere.setdefault(other.connection_id, Lookup(Client(other.connection)))
        yield other, lookup


def keep(batch: Batch, delivery: Delivery, decision: Decision, asked: StoreSetting | None) -> None:
    """On the delivery and among all decisions of the send; nothing of what is no longer ours."""
    delivery.evidence = decision.as_record()
    if send := batch.sends.get(delivery.pk):
        person = batch.people.known(delivery)
        record(delivery, send, decision, asked, person.id if person else "")


def record(
    delivery: Delivery, send: Send, decision: Decision, asked: StoreSetting | None, profile_id: str = ""
) -> None:
    """Write a decision down. Raises CalledOff when the delivery was taken from us."""
    with leasing.held(delivery):
        ConsentDecision.objects.create(
            send=send,
            is_allowed=decision.allowed,
            code=decision.code,
            sentence=decision.sentence,
            policy=decision.policy.value,
            evidence=decision.evidence,
            asked_at=decision.asked_at,
            decided_at=timezone.now(),
            connection=asked.connection if asked else None,
        )
        if profile_id and profile_id != send.profile_id:
            Send.objects.filter(pk=send.pk).update(profile_id=profile_id[:64])


def _fresh(batch: Batch, delivery: Delivery, setting: StoreSetting, lookup: Lookup) -> Decision:
    email = delivery.subject
    if check.is_stale(lookup, email):
        together = {email} if lookup.asked_at(email) else batch.recipients
        lookup.ask(together, [delivery])
    if problem := lookup.problem(email):
        raise CalledOff(Retry(problem.reason))
    return check.decide(setting, orders.message_of(delivery) or "", email, lookup)
