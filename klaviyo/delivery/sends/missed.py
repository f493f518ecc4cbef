"""Missed invites and reminders: made while their store was joined to no account, so that nothing is on record of them.

Once the store is joined, those that are still of use go out, if it has sent invites before: it was parted, and the
friends have waited for them. So do those made since the account was allowed. Of older ones of a store's first join
nobody knows whether friends have had theirs by another way; those are put on record, and go when somebody retries them.
Of reminders only those go that came due since the account was allowed, and of one invite the latest.
"""

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from integrations.outcomes import Skipped
from integrations.reasons import Who, declare
from klaviyo.consent import owed_noes
from klaviyo.delivery.sends import enqueue
from klaviyo.mapping.catalogue import INVITE_REMINDER
from klaviyo.models import Send, StoreSetting
from referrals.models import Invite, Reminder

AT_ONCE = 200
USEFUL_FOR = timedelta(days=7)  # like an invite that is queued at once, but from when it was made
REMINDERS_FOR = INVITE_REMINDER.useful_for or timedelta()  # likewise
MADE_BEFORE = Skipped(
    declare(
        "made_before",
        "Made before the store was joined",
        "The store was joined to no account when the invite was made.",
        because="the store was joined to no account when the invite was made",
        means="Nobody knows here whether the friend has had it by another way, so it does not go by itself.",
        who=Who.MERCHANT,
        do="Retry it if the friend has not had it.",
    )
)


def go_on(is_over: Callable[[], bool]) -> None:
    """Queue or note them for each setting that is new, switched on or connected anew, until it is over."""
    for setting in owed_noes.due_settings().filter(is_enabled=True).order_by("pk"):
        go_on_with(setting, is_over)


def go_on_with(setting: StoreSetting, is_over: Callable[[], bool]) -> None:
    reached = 0
    while not is_over() and (some := list(_missed(setting).filter(pk__gt=reached).order_by("pk")[:AT_ONCE])):
        for invite in some:
            _note(setting, invite.pk)
        reached = some[-1].pk
    reached = 0
    while not is_over() and (late := list(_missed_reminders(setting).filter(pk__gt=reached).order_by("pk")[:AT_ONCE])):
        for reminder in late:
            _note_reminder(setting, reminder)
        reached = late[-1].pk


@transaction.atomic
def _note(setting: StoreSetting, pk: int) -> None:
    """Under the lock of the invite: nobody closes, mails or queues it meanwhile."""
    invites = Invite.objects.select_related("advocate__program__store").select_for_update(of=("self",))
    invite = invites.filter(pk=pk, pk__in=_missed(setting).values("pk")).first()
    if invite is None:
        return
    was_joined = Send.objects.filter(store=setting.store_id, created_at__lt=invite.created_at).exists()
    is_meant = setting.facts_since is not None and invite.created_at >= setting.facts_since
    until = invite.occurred_at + USEFUL_FOR
    enqueue.order(invite, until=until, because=None if was_joined or is_meant else MADE_BEFORE)


def _missed(setting: StoreSetting) -> "QuerySet[Invite]":
    """Open invites of the store's that are young enough, of which nothing was queued and nobody says they went out."""
    now, told = timezone.now(), Send.objects.filter(invite=OuterRef("pk"))
    is_open = Q(closed_at=None, went_out_at=None, is_own=False) & (Q(expires_at=None) | Q(expires_at__gt=now))
    young = Q(occurred_at__gt=now - USEFUL_FOR)
    return Invite.objects.filter(is_open & young, ~Exists(told), advocate__program__store=setting.store_id)


@transaction.atomic
def _note_reminder(setting: StoreSetting, reminder: Reminder) -> None:
    """Under the lock of its invite, likewise."""
    invites = Invite.objects.select_related("advocate__program__store").select_for_update(of=("self",))
    invite = invites.filter(pk=reminder.invite_id).first()
    if invite and _missed_reminders(setting).filter(pk=reminder.pk).exists():
        enqueue.order(invite, reminder, until=reminder.occurred_at + REMINDERS_FOR)


def _missed_reminders(setting: StoreSetting) -> "QuerySet[Reminder]":
    """The last of each open invite, due since the account was allowed, of which nothing was queued."""
    now = timezone.now()
    told = Send.objects.filter(reminder=OuterRef("pk"))
    later = Reminder.objects.filter(invite=OuterRef("invite"), number__gt=OuterRef("number"))
    rows = Reminder.objects.filter(~Exists(told), ~Exists(later), occurred_at__gt=now - REMINDERS_FOR)
    is_open = Q(invite__closed_at=None, invite__is_own=False)
    is_open &= Q(invite__expires_at=None) | Q(invite__expires_at__gt=now)
    since = Q(created_at__gte=setting.facts_since) if setting.facts_since else Q(pk__in=[])
    if setting.facts_until:
        since &= Q(created_at__lte=setting.facts_until)
    return rows.filter(is_open & since, invite__advocate__program__store=setting.store_id)
