"""Caps: how many messages a person gets in a week and an advocate causes in a day, whoever delivers them.

Messages of Klaviyo's flows and Sorae's own count together, by mailbox and store; an invite that is told to two accounts
of the store is two messages. Each is counted before it goes, one of a store's after the other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from integrations.models import Delivery
from integrations.outbox import leasing, lock_timeout
from integrations.outcomes import Outcome, Retry, Skipped
from integrations.reasons import Who, declare
from klaviyo.models import Send, StoreSetting
from referrals import person_key

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
TOO_MANY = Skipped(
    declare(
        "too_many",
        "Too many messages",
        "The person has had as many messages from this store in a week as anybody gets.",
        because="they have had as many messages as the limits allow",
        means="A person, a store or an advocate may only cause so many invites in a while; this one was beyond that.",
        who=Who.RUNNER,
        do="Usually nothing. Whoever runs this site sets the limits.",
    )
)
ADVOCATE_CAP = Retry(
    declare(
        "advocate_cap",
        "Advocate's day is full",
        "The advocate's messages of one day have all gone out.",
        because="the advocate's messages of one day have all gone out",
        means="One advocate's invites are spread over days, so that nobody uses the store to send spam.",
        who=Who.RUNNER,
        do="Nothing to do: it goes out within a day. Whoever runs this site sets the limit.",
    ),
    after=HOUR,
    refund=True,
)
DOMAIN_CAP = Retry(
    declare(
        "domain_cap",
        "Mail domain is full",
        "The messages of one hour to this mail domain have all gone out.",
        because="this hour's messages to their mail provider have all gone out",
        means="Mail providers distrust a sudden flood, so messages to one of them are spread over hours.",
        who=Who.RUNNER,
        do="Nothing to do: it goes out within hours. Whoever runs this site sets the limit.",
    ),
    after=timedelta(minutes=10),
    refund=True,
)


@dataclass(frozen=True)
class Place:
    """A message's place within the caps, and whether it was its own before."""

    send: Send
    since: datetime
    before: datetime | None

    def give_back(self) -> None:
        """It has certainly not gone out: it counts as it did before, and no other worker's does."""
        Send.objects.filter(pk=self.send.pk, mailed_at=self.since).update(mailed_at=self.before)


def reserve(send: Send, delivery: Delivery, *, keeps: bool) -> Place | Outcome:
    """Count the message before it goes; or say why it is one too many.

    `keeps` is for what its receiver knows as the same when it is sent again: it has its place for a week.
    """
    try:
        with lock_timeout.short(), leasing.held(delivery):
            return _counted(send, keeps=keeps)
    except lock_timeout.Busy:
        return lock_timeout.BUSY_HERE


def _counted(send: Send, *, keeps: bool) -> Place | Outcome:
    # What makes a store's messages wait for each other is no row that a host's long transaction holds.
    list(StoreSetting.objects.select_for_update(no_key=True).filter(store=send.store_id).order_by("pk").values("pk"))
    before = Send.objects.values_list("mailed_at", flat=True).get(pk=send.pk)
    now = timezone.now()
    send.mailbox_hash, send.key_version = person_key.of(send.invite.recipient_email), person_key.VERSION
    has_place = keeps and before is not None and before > now - WEEK
    if not has_place and (objection := _one_too_many(send, now)):
        return objection
    send.mailed_at = now
    send.save(update_fields=["mailed_at", "mailbox_hash", "key_version", "message_id"])
    return Place(send, now, before)


def _one_too_many(send: Send, now: datetime) -> Outcome | None:
    others = Send.objects.exclude(pk=send.pk)
    theirs = person_key.stored("mailbox_hash", person_key.every(send.invite.recipient_email))
    to_person = others.filter(theirs, store=send.store_id, mailed_at__gt=now - WEEK)
    if to_person.count() >= settings.MAIL_PER_PERSON_AND_WEEK:
        return TOO_MANY
    if send.channel != Send.Channel.SORAE:
        return None  # how evenly a flood reaches mail providers is Klaviyo's affair
    ours = others.filter(channel=Send.Channel.SORAE)
    by_advocate = ours.filter(invite__advocate=send.invite.advocate_id, mailed_at__gt=now - DAY)
    if by_advocate.count() >= settings.MAIL_PER_ADVOCATE_AND_DAY:
        return ADVOCATE_CAP
    domain = person_key.mailbox(send.delivery.subject).rpartition("@")[2]
    mailed = ours.filter(store=send.store_id, mailed_at__gt=now - HOUR)
    if mailed.filter(delivery__subject__endswith=f"@{domain}").count() >= settings.MAIL_PER_DOMAIN_AND_HOUR:
        return DOMAIN_CAP
    return None
