"""Consent gate before a send: decided from fresh answers, put on record, and looked at once more before the request.

Each account that is concerned is asked; what each says is kept with the send. Sorae's own list comes first.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

from django.utils import timezone

from integrations.models import Delivery
from integrations.outbox import leasing
from integrations.outcomes import CalledOff, Outcome, Retry, Skipped
from integrations.pauses import message_hold
from integrations.reasons import Who, declare
from klaviyo.api.client import Client
from klaviyo.consent import check, relevance
from klaviyo.consent.decision import Decision
from klaviyo.mapping.contents import Email, message_of
from klaviyo.models import ConsentDecision, Send, StoreSetting
from klaviyo.profiles.batch import SETTING_OFF, Batch
from klaviyo.profiles.joined_stores import setting_of
from klaviyo.profiles.lookup import Lookup
from referrals import person_key, suppressions

ACCOUNT_AWAY = declare(
    "account_away",
    "An account is away",
    "{account} must be asked as well, and is not connected.",
    because="another account of the store must be asked as well, and is not connected",
    means="A no that was said in any of the store's accounts counts, so all of them are asked.",
    who=Who.RECONNECT,
    do="Connect that account again, or remove the store from it in the store's settings.",
)
WAIT_FOR_ACCOUNT = timedelta(minutes=2)
STALE = Retry(
    declare(
        "stale_consent",
        "Asked again",
        "Klaviyo's answer has become too old; it is asked again.",
        because="Klaviyo's answer about them had become too old",
        means="A minute after Klaviyo's answer a person may have changed their mind, so it is asked again.",
        who=Who.ITSELF,
    ),
    timedelta(),
    refund=True,
)
A_PERSONS_NO = {"unsubscribed", "suppressed", "list_suppressed", "opted_out_at_klaviyo"}


def objection(batch: Batch, delivery: Delivery, setting: StoreSetting, message: str) -> Outcome | None:
    """What speaks against a message ("invite", "reminder"): the person's own will, or that it is of no use any more."""
    send = batch.sends.get(delivery.pk)
    useless = relevance.objection(send) if send and not relevance.is_gone(delivery) else relevance.GONE
    if useless in (relevance.INVITE_WAITS, relevance.GONE):
        return useless  # nothing is decided before it can go
    decision = _decide(batch, delivery, setting, message)
    return useless if decision.allowed else Skipped(decision.reason)


def said_no_here(
    store_settings: dict[int, StoreSetting], sends: dict[int, Send], deliveries: Sequence[Delivery]
) -> dict[int, Outcome]:
    """Whom Sorae's own list keeps from being written to: found before Klaviyo is asked; outcomes by delivery id."""
    refused: dict[int, Outcome] = {}
    messages = [delivery for delivery in deliveries if message_of(delivery)]
    for setting in store_settings.values():
        mine = [delivery for delivery in messages if setting_of(store_settings, delivery, sends) == setting]
        listed = suppressions.of(setting.store_id, [delivery.subject for delivery in mine]) if mine else {}
        for delivery in mine:
            if own := listed.get(person_key.mailbox(delivery.subject)):
                decision = check.refused(setting, message_of(delivery), own)
                refused[delivery.pk] = Skipped(decision.reason)
                _record_refusal(delivery, sends.get(delivery.pk), decision)
    return refused


def last_look(batch: Batch, delivery: Delivery) -> None:
    """Right before the request: is it still ours, has nobody said no, are messages not held? Raises CalledOff."""
    leasing.check([delivery])
    message = message_of(delivery)
    if not message:
        return
    for asked, lookup in _accounts(batch, delivery, _as_it_is_now(batch, delivery)):
        if check.is_stale(lookup, delivery.subject):
            raise CalledOff(STALE)
        decision = check.decide(asked, message, delivery.subject, lookup)
        if not decision.allowed:
            keep(batch, delivery, decision, asked)
            raise CalledOff(Skipped(decision.reason))
    message_hold.last_look()


def _as_it_is_now(batch: Batch, delivery: Delivery) -> StoreSetting:
    """The setting by which a message goes, read anew: an operator may have tightened it, or switched it off, since.

    Raises CalledOff where it may not go any more, or where the invite that it is about has been deleted.
    """
    if relevance.is_gone(delivery):
        raise CalledOff(relevance.GONE)
    before = batch.setting(delivery)
    setting = (
        StoreSetting.objects.select_related("connection", "store")
        .filter(store=before.store_id, connection=before.connection_id, is_enabled=True)
        .first()
    )
    if setting is None:
        raise CalledOff(SETTING_OFF)
    return setting


def keep(batch: Batch, delivery: Delivery, decision: Decision, asked: StoreSetting | None) -> None:
    """On the delivery and among all decisions of the send; nothing of what is no longer ours."""
    delivery.evidence = decision.as_record()
    if send := batch.sends.get(delivery.pk):
        person = batch.people.lookup.profile(delivery.subject)
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


def _decide(batch: Batch, delivery: Delivery, setting: StoreSetting, message: str) -> Decision:
    """Ask until somebody says no; every answer is kept. The no, or else the first yes."""
    yeses: list[Decision] = []
    for asked, lookup in _accounts(batch, delivery, setting):
        _freshen(batch, delivery, lookup)
        decision = check.decide(asked, message, delivery.subject, lookup)
        keep(batch, delivery, decision, asked)
        if not decision.allowed:
            return decision
        yeses.append(decision)
    return yeses[0]


def _accounts(batch: Batch, delivery: Delivery, setting: StoreSetting) -> Iterator[tuple[StoreSetting, Lookup]]:
    """Each account that is concerned, with its answers. Raises CalledOff when one cannot be asked."""
    first, *others = check.concerned(setting, delivery.kind == Email.kind)
    yield first, batch.people.lookup
    for other in others:
        if not other.connection.is_connected:
            reason = ACCOUNT_AWAY.about(account=other.connection)
            raise CalledOff(Retry(reason, after=WAIT_FOR_ACCOUNT, refund=True))
        fresh = Lookup(Client(other.connection), suppressions.spellings)
        yield other, batch.elsewhere.setdefault(other.connection_id, fresh)


def _freshen(batch: Batch, delivery: Delivery, lookup: Lookup) -> None:
    """Ask anew where the answer is too old. Raises CalledOff when nothing could be learnt about the person."""
    email = delivery.subject
    if check.is_stale(lookup, email):
        lookup.ask({email} if lookup.asked_at(email) else batch.recipients, [delivery])
    if problem := lookup.problem(email):
        raise CalledOff(Retry(problem.reason))


def _record_refusal(delivery: Delivery, send: Send | None, decision: Decision) -> None:
    delivery.evidence = decision.as_record()
    with suppress(CalledOff):
        if send:
            record(delivery, send, decision, None)
