"""Whether a delivery may go: decided from fresh answers, kept on record, and looked at once more at the very end."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

from django.utils import timezone

from integrations.models import Delivery
from integrations.outcomes import CalledOff, Outcome, Retry, Skipped
from klaviyo import asking, leases, orders, suppressing, withdrawals
from klaviyo.api.client import Client
from klaviyo.consent import Decision
from klaviyo.delivery.state import Batch
from klaviyo.lookups import Lookup
from klaviyo.models import ConsentDecision, ProfileSync, Send
from referrals import suppressions
from referrals.models import Invite

UNKNOWN_PERSON = Skipped(
    "unknown_person",
    "Klaviyo does not know this person, and the store's setting is to update existing profiles only.",
)
NOT_SENT = Skipped("invite_not_sent", "The invite that it would remind of has not gone out.")
INVITE_WAITS = Retry(
    "invite_waits", "The invite that it would remind of still waits.", after=timedelta(minutes=1), refund=True
)
LEASE_LOST = leases.LOST
STALE = Retry("stale_consent", "Klaviyo's answer has become too old; it is asked again.", timedelta(), True)
A_PERSONS_NO = {"unsubscribed", "suppressed", "list_suppressed", "opted_out_at_klaviyo"}
CLOSED = {
    Invite.Closing.VISITED: "The friend has come to the shop meanwhile.",
    Invite.Closing.CONVERTED: "The friend has bought meanwhile.",
    Invite.Closing.OPTED_OUT: "The friend has said no meanwhile.",
    Invite.Closing.EXPIRED: "The invite has expired.",
    Invite.Closing.ERASED: "A person whom it names was erased.",
}


def objection(batch: Batch, delivery: Delivery, sync: ProfileSync) -> Outcome | None:
    """What speaks against a delivery: an unknown person, the person's own will, or that it is of no use any more."""
    is_unknown = delivery.kind in ("profile", "event") and not batch.people.is_there(delivery)
    unknown = UNKNOWN_PERSON if is_unknown and not sync.creates_profiles else None
    message = orders.message_of(delivery)
    if message is None:
        return unknown
    send = batch.sends.get(delivery.pk)
    if unknown:
        return unknown
    decided_by, decision = _decision(batch, delivery, sync, message)
    person = batch.people.known(delivery)
    _keep(delivery, send, decision, decided_by, person.id if person else "")
    if not decision.allowed:
        return Skipped(decision.code, decision.sentence)
    return _outdated(send) if send else None


def said_no_here(
    syncs: dict[int, ProfileSync], sends: dict[int, Send], deliveries: Sequence[Delivery]
) -> dict[int, Outcome]:
    """Whom Sorae's own list keeps from being written to: found before Klaviyo is asked; outcomes by delivery id."""
    refused: dict[int, Outcome] = {}
    messages = [delivery for delivery in deliveries if orders.message_of(delivery)]
    for sync in syncs.values():
        mine = [delivery for delivery in messages if delivery.options.get("sync") == sync.pk]
        listed = suppressions.of(sync.store_id, [delivery.subject for delivery in mine]) if mine else {}
        for delivery in mine:
            if own := listed.get(suppressions.mailbox(delivery.subject)):
                decision = asking.refused(sync, orders.message_of(delivery) or "", own)
                with suppress(CalledOff):
                    _keep(delivery, sends.get(delivery.pk), decision, None)
                refused[delivery.pk] = Skipped(decision.code, decision.sentence)
    return refused


def last_look(batch: Batch, delivery: Delivery) -> None:
    """Right before the request: is it still ours, has nobody said no meanwhile? Raises CalledOff."""
    leases.check([delivery])
    if orders.message_of(delivery) is None:
        return
    sync = batch.syncs[delivery.options["sync"]]
    if own := suppressing.of(sync.store_id, delivery.subject):
        raise CalledOff(Skipped(*suppressing.words(own)))
    for asked, lookup in _accounts(batch, delivery, sync):
        if asking.is_stale(lookup, delivery.subject):
            raise CalledOff(STALE)
        if withdrawals.has_recent_notice(asked.connection, [delivery.subject]):
            raise CalledOff(Skipped("opted_out_at_klaviyo", asking.HEARD))


def _outdated(send: Send) -> Outcome | None:
    """A reminder is of use while its invite has gone out and is open."""
    if send.reminder_id is None:
        return None
    invite = Invite.objects.get(pk=send.invite_id)
    if invite.closed_by:
        return Skipped(invite.closed_by, CLOSED[Invite.Closing(invite.closed_by)])
    before = Send.objects.filter(invite=invite, kind=Send.Kind.INVITE)
    if invite.went_out_at or not before.exists():
        return None
    return INVITE_WAITS if before.filter(delivery__state__in=Delivery.OPEN).exists() else NOT_SENT


def _decision(batch: Batch, delivery: Delivery, sync: ProfileSync, message: str) -> tuple[ProfileSync, Decision]:
    """The first no of the accounts that are asked, else the yes of the first."""
    asked = _accounts(batch, delivery, sync)
    decisions = [(one, _fresh(batch, delivery, one, message, lookup)) for one, lookup in asked]
    return next((decided for decided in decisions if not decided[1].allowed), decisions[0])


def _fresh(batch: Batch, delivery: Delivery, sync: ProfileSync, message: str, lookup: Lookup) -> Decision:
    email = delivery.subject
    if asking.is_stale(lookup, email):
        together = {email} if lookup.asked_at(email) else batch.recipients
        lookup.ask(together, [delivery])
    if problem := lookup.problem(email):
        raise CalledOff(Retry(problem.code, problem.sentence))
    return asking.decide(sync, message, email, lookup)


def _accounts(batch: Batch, delivery: Delivery, sync: ProfileSync) -> Iterator[tuple[ProfileSync, Lookup]]:
    """Each account that is concerned, with its answers. Raises CalledOff when one cannot be asked."""
    first, *others = asking.concerned(sync, delivery.kind == "email")
    yield first, batch.people.lookup
    for other in others:
        if not other.connection.is_connected:
            sentence = f"{other.connection} must be asked as well, and is not connected."
            raise CalledOff(Retry("account_away", sentence, after=timedelta(minutes=2), refund=True))
        lookup = batch.elsewhere.setdefault(other.connection_id, Lookup(Client(other.connection)))
        yield other, lookup


def _keep(
    delivery: Delivery, send: Send | None, decision: Decision, decided_by: ProfileSync | None, profile_id: str = ""
) -> None:
    """The record of the decision, on the delivery and among all decisions of the send; none of what is not ours."""
    delivery.evidence = decision.as_record()
    if send is None:
        return
    with leases.held(delivery):
        ConsentDecision.objects.create(
            send=send, is_allowed=decision.allowed, code=decision.code, sentence=decision.sentence,
            policy=decision.policy.value, evidence=decision.evidence, asked_at=decision.asked_at,
            decided_at=timezone.now(), connection=decided_by.connection if decided_by else None,
        )  # fmt: skip
        if profile_id and profile_id != send.profile_id:
            Send.objects.filter(pk=send.pk).update(profile_id=profile_id[:64])
