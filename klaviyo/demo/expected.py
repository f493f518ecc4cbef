"""What the facts call for: which event each should have become, on whom, at which account.

Written from the catalogue, not from the code that sends: it is what that code is measured against.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from klaviyo import events
from klaviyo.demo.kept import mailbox
from klaviyo.events import Metric
from klaviyo.models import ProfileSync
from referrals.models import Advocate, Conversion, Invite, Program, Reminder, Reward, Visit


@dataclass(frozen=True)
class Expected:
    """One event that one account should hear of."""

    sync: ProfileSync
    metric: Metric
    fact_id: str
    email: str

    @property
    def account(self) -> str:
        return self.sync.connection.account_id


@dataclass(frozen=True)
class _Due:
    store_id: int
    metric: Metric
    uid: UUID
    email: str


def events_of_all_facts() -> list[Expected]:
    """Every event of every fact, for each account that the fact's store is joined to."""
    syncs: dict[int, list[ProfileSync]] = {}
    for sync in ProfileSync.objects.filter(is_enabled=True).select_related("connection", "store"):
        syncs.setdefault(sync.store_id, []).append(sync)
    return [
        Expected(sync, due.metric, str(due.uid), mailbox(due.email))
        for due in _due()
        for sync in syncs.get(due.store_id, [])
    ]


def count_of_facts() -> int:
    """People joined, invites, reminders, visits, orders, refunds, rewards and reversals."""
    stored = sum(model._default_manager.count() for model in (Advocate, Invite, Reminder, Visit, Conversion, Reward))
    return stored + Reward.objects.exclude(reversed_at=None).count()


def _due() -> Iterator[_Due]:
    for person in Advocate.objects.select_related("program"):
        yield _Due(person.program.store_id, events.ADVOCATE_STARTED, person.uid, person.email)
    yield from _invitations()
    for visit in Visit.objects.select_related("advocate__program"):
        yield _Due(visit.advocate.program.store_id, events.REFERRED_VISIT, visit.uid, visit.advocate.email)
    for order in Conversion.objects.filter(kind=Conversion.Kind.ORDER).select_related("advocate__program"):
        store = order.program.store_id
        yield _Due(store, events.CONVERSION, order.uid, order.advocate.email)
        yield _Due(store, events.REFERRED_PURCHASE, order.uid, order.friend_email)
    for reward in Reward.objects.select_related("advocate__program"):
        store = reward.advocate.program.store_id
        yield _Due(store, events.REWARD_ISSUED, reward.uid, reward.recipient_email)
        if reward.reversed_at:
            yield _Due(store, events.REWARD_REVERSED, reward.uid, reward.recipient_email)


def _invitations() -> Iterator[_Due]:
    """The friend hears by a Klaviyo flow only where the program lets Klaviyo deliver."""
    by_klaviyo = Program.Inviter.KLAVIYO
    for invite in Invite.objects.select_related("advocate__program"):
        program = invite.advocate.program
        yield _Due(program.store_id, events.INVITE_SENT, invite.uid, invite.advocate.email)
        if program.invites_by == by_klaviyo:
            yield _Due(program.store_id, events.INVITE_RECEIVED, invite.uid, invite.recipient_email)
    for reminder in Reminder.objects.select_related("invite__advocate__program"):
        program = reminder.invite.advocate.program
        if program.invites_by == by_klaviyo:
            yield _Due(program.store_id, events.INVITE_REMINDER, reminder.uid, reminder.invite.recipient_email)
