"""The consent gate: whether a message may go, decided from fresh answers, and looked at once more at the very end."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from integrations.models import Delivery
from integrations.outbox import leasing
from integrations.outcomes import CalledOff, Outcome, Retry, Skipped
from klaviyo.confirmation import in_doubt
from klaviyo.consent import check, records, relevance
from klaviyo.consent.decision import Decision
from klaviyo.mapping.contents import message_of
from klaviyo.models import Send, StoreSetting
from klaviyo.profiles import batch as batches
from klaviyo.profiles.batch import Batch
from referrals import suppressions

STALE = Retry("stale_consent", "Klaviyo's answer has become too old; it is asked again.", timedelta(), True)
A_PERSONS_NO = {"unsubscribed", "suppressed", "list_suppressed", "opted_out_at_klaviyo"}


def objection(batch: Batch, delivery: Delivery, setting: StoreSetting) -> Outcome | None:
    """What speaks against a message: the person's own will, or that it is of no use any more."""
    send = batch.sends.get(delivery.pk)
    useless = relevance.objection(send) if send else None
    if useless is relevance.INVITE_WAITS:
        return useless  # nothing is decided before it can go
    decision = records.make(batch, delivery, setting)
    found = useless if decision.allowed else Skipped(decision.code, decision.sentence)
    return in_doubt.as_far_as_known(found, delivery) if found else None


def said_no_here(
    store_settings: dict[int, StoreSetting], sends: dict[int, Send], deliveries: Sequence[Delivery]
) -> dict[int, Outcome]:
    """Whom Sorae's own list keeps from being written to: found before Klaviyo is asked; outcomes by delivery id."""
    refused: dict[int, Outcome] = {}
    messages = [delivery for delivery in deliveries if message_of(delivery)]
    for setting in store_settings.values():
        mine = [delivery for delivery in messages if batches.setting_of(store_settings, delivery, sends) == setting]
        listed = suppressions.of(setting.store_id, [delivery.subject for delivery in mine]) if mine else {}
        for delivery in mine:
            if own := listed.get(suppressions.mailbox(delivery.subject)):
                decision = check.refused(setting, message_of(delivery), own)
                refused[delivery.pk] = in_doubt.as_far_as_known(Skipped(decision.code, decision.sentence), delivery)
                _record_refusal(delivery, sends.get(delivery.pk), decision)
    return refused


def last_look(batch: Batch, delivery: Delivery) -> None:
    """Right before the request: is it still ours, has nobody said no meanwhile? Raises CalledOff."""
    leasing.check([delivery])
    message = message_of(delivery)
    if not message:
        return
    setting = batch.setting(delivery)
    for asked, lookup in records.accounts(batch, delivery, setting):
        if check.is_stale(lookup, delivery.subject):
            raise CalledOff(STALE)
        decision = check.decide(asked, message, delivery.subject, lookup)
        if not decision.allowed:
            records.keep(batch, delivery, decision, asked)
            refusal = Skipped(decision.code, decision.sentence)
            raise CalledOff(in_doubt.as_far_as_known(refusal, delivery))


def _record_refusal(delivery: Delivery, send: Send | None, decision: Decision) -> None:
    delivery.evidence = decision.as_record()
    with suppress(CalledOff):
        if send:
            records.record(delivery, send, decision, None)
