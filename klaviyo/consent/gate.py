"""Whether a delivery may go: decided from fresh answers, and looked at once more at the very end."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from integrations.models import Delivery
from integrations.outbox import leasing
from integrations.outcomes import CalledOff, Outcome, Retry, Skipped
from integrations.reasons import Who, declare
from klaviyo.api.client import Client
from klaviyo.confirmation import in_doubt_lookup
from klaviyo.consent import check, opt_outs, records, relevance
from klaviyo.consent.decision import Decision
from klaviyo.mapping import orders
from klaviyo.models import Send, StoreSetting
from klaviyo.profiles import batch as batches
from klaviyo.profiles.batch import Batch
from referrals import suppressions

UNKNOWN_PERSON = Skipped(
    declare(
        "unknown_person",
        "Klaviyo does not know them",
        "Klaviyo does not know this person, and the store's setting is to update existing profiles only.",
        because="Klaviyo does not know them, and the store updates existing profiles only",
        means="The invite would start a flow on the person's profile, but they have none, and the store's setting is "
        "not to create any.",
        who=Who.MERCHANT,
        do="Choose “Create profiles” in the store's settings, or let Sorae send the program's invites.",
    )
)
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
CHECK_FIRST = Retry(in_doubt_lookup.BEING_CHECKED, timedelta(), refund=True)
A_PERSONS_NO = {"unsubscribed", "suppressed", "list_suppressed", "opted_out_at_klaviyo"}


def objection(batch: Batch, delivery: Delivery, setting: StoreSetting) -> Outcome | None:
    """What speaks against a delivery: an unknown person, the person's own will, or that it is of no use any more.

    Of a message that may have left before, nobody says so until it is known that it has not.
    """
    evidence = delivery.evidence
    found = _objection(batch, delivery, setting)
    if not isinstance(found, Skipped) or orders.message_of(delivery) is None:
        return found
    outcome = in_doubt_lookup.before(found, batch.client, delivery)
    if outcome is not found:
        delivery.evidence = evidence
        if found.code in A_PERSONS_NO:
            store = setting.store_id if found.code == "list_suppressed" else None
            opt_outs.stop_reminding(batch.connection, delivery.subject, store)
    return outcome


def _objection(batch: Batch, delivery: Delivery, setting: StoreSetting) -> Outcome | None:
    is_unknown = delivery.kind in ("profile", "event") and not batch.people.is_there(delivery)
    if is_unknown and not setting.creates_profiles:
        return UNKNOWN_PERSON
    if orders.message_of(delivery) is None:
        return None
    send = batch.sends.get(delivery.pk)
    useless = relevance.objection(send) if send else None
    if useless is relevance.INVITE_WAITS:
        return useless  # nothing is decided before it can go
    decision = records.make(batch, delivery, setting)
    return useless if decision.allowed else Skipped(decision.reason)


def said_no_here(
    store_settings: dict[int, StoreSetting], sends: dict[int, Send], deliveries: Sequence[Delivery]
) -> dict[int, Outcome]:
    """Whom Sorae's own list keeps from being written to: found before Klaviyo is asked; outcomes by delivery id."""
    refused: dict[int, Outcome] = {}
    messages = [delivery for delivery in deliveries if orders.message_of(delivery)]
    for setting in store_settings.values():
        mine = [delivery for delivery in messages if batches.setting_of(store_settings, sends, delivery) == setting]
        listed = suppressions.of(setting.store_id, [delivery.subject for delivery in mine]) if mine else {}
        for delivery in mine:
            if own := listed.get(suppressions.mailbox(delivery.subject)):
                decision = check.refused(setting, orders.message_of(delivery) or "", own)
                no = Skipped(decision.reason)
                outcome = in_doubt_lookup.before(no, Client(setting.connection), delivery)
                if outcome is no:
                    _record_refusal(delivery, sends.get(delivery.pk), decision)
                refused[delivery.pk] = outcome
    return refused


def last_look(batch: Batch, delivery: Delivery) -> None:
    """Right before the request: is it still ours, has nobody said no meanwhile? Raises CalledOff."""
    leasing.check([delivery])
    message = orders.message_of(delivery)
    if message is None:
        return
    setting = batches.setting_of(batch.store_settings, batch.sends, delivery)
    if setting is None:
        raise CalledOff(STALE)
    for asked, lookup in records.accounts(batch, delivery, setting):
        if check.is_stale(lookup, delivery.subject):
            raise CalledOff(STALE)
        decision = check.decide(asked, message, delivery.subject, lookup)
        if not decision.allowed:
            if in_doubt_lookup.unanswered(delivery)[1:].exists():  # the first of them is the request being made now
                raise CalledOff(CHECK_FIRST)
            records.keep(batch, delivery, decision, asked)
            raise CalledOff(Skipped(decision.reason))


def _record_refusal(delivery: Delivery, send: Send | None, decision: Decision) -> None:
    delivery.evidence = decision.as_record()
    with suppress(CalledOff):
        if send:
            records.record(delivery, send, decision, None)
