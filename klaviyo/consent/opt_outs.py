"""Opt-outs and confirmed opt-ins at Klaviyo, and what they change for messages that wait."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Lower, Now

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.outbox import lock_timeout
from integrations.reasons import Reason, Who, declare
from klaviyo.api import values
from klaviyo.api.profiles import Profile
from klaviyo.confirmation import in_doubt
from klaviyo.consent import decision, topics
from klaviyo.consent.decision import Decision
from klaviyo.mapping import contents
from klaviyo.models import Notice, StoreSetting
from klaviyo.models.policies import Policy
from referrals import lifecycle, person_key, suppressions
from referrals.models import Invite, OptIn

State = Delivery.State

RECENT = timedelta(hours=1)  # so long Klaviyo's answers may be older than its webhooks; how long is not published
CLOCKS_DIFFER = timedelta(minutes=2)
PENDING = declare(
    "pending_opt_in",
    "Waits for their confirmation",
    "Klaviyo has asked the person to confirm; until they do, nothing changes.",
    because="Klaviyo has asked them to confirm, and they have not yet",
    means="The list asks for a double opt-in: Klaviyo wrote to the person, who must follow the link in that e-mail.",
    who=Who.PERSON,
)
OBJECTIONS = ("unsubscribed", "suppressed", "list_suppressed")


def cancel(connection: Connection, email: str, reason: Reason) -> int:
    """Take back every invite and reminder to the person that waits, and remind them no more; how many.

    What a worker has in hand is left to it: it looks once more at the person before it sends.
    """
    stop_reminding(connection, email)
    return _cancel(_waiting(connection, email), reason)


def reconsider(connection: Connection, email: str, profile: Profile | None) -> int:
    """Take back what the person, just looked up, objects to; how many. Nobody's silence counts as a no."""
    if profile is None:
        return 0
    store_settings = {setting.store_id: setting for setting in StoreSetting.objects.filter(connection=connection)}
    waiting = _waiting(connection, email)
    taken_back = 0
    for store_id in set(waiting.values_list("send__store", flat=True)):
        found = _objection(profile, store_settings.get(store_id))
        if found:
            stop_reminding(connection, email, store_id if found.code == "list_suppressed" else None)
            rows = waiting.filter(send__store=store_id)
            taken_back += _cancel(rows, topics.OPTED_OUT.saying(f"At Klaviyo by now: {found.sentence}"))
    return taken_back


def stop_reminding(connection: Connection, email: str, store_id: int | None = None) -> None:
    """Close the person's open invites: of the store, or (without one) of all stores of the account.

    Where somebody else is writing about one, it stays open: each reminder is decided about all the same.
    """
    store_settings = StoreSetting.objects.filter(connection=connection)
    stores = list(store_settings.values_list("store", flat=True)) if store_id is None else [store_id]
    invites = Invite.objects.alias(lower=Lower("recipient_email")).filter(lower__in=suppressions.spellings(email))
    for invite in invites.filter(closed_at=None, advocate__program__store__in=stores):
        with suppress(lock_timeout.Busy), lock_timeout.short():
            lifecycle.close(invite, Invite.Closing.OPTED_OUT)


def confirm(connection: Connection, email: str, happened_at: datetime | None = None) -> int:
    """The person has clicked in the confirmation mail: their opt-ins that waited for it are confirmed; how many.

    With `happened_at`, an opt-in that was told to Klaviyo only after that is not meant.
    """
    rows = Delivery.objects.filter(_is_of(email), connection=connection, kind=contents.Subscribe.kind)
    pending = rows.filter(state=State.ACCEPTED, reason_code=PENDING.code)
    if happened_at:
        pending = pending.filter(settled_at__lte=happened_at + CLOCKS_DIFFER)
    return pending.update(
        state=State.CONFIRMED, reason_code="", reason="The person has confirmed it in Klaviyo's e-mail."
    )


def has_subscribed(profile: Profile) -> bool:
    """Whether the person, just looked up, may be written to because they asked for it."""
    return decision.decide(profile.subscriptions, Policy.SUBSCRIBED_ONLY).allowed


def is_waited_for(connection: Connection, email: str) -> bool:
    """Whether anything waits to be sent to the person."""
    return _waiting(connection, email).exists()


def expected(connection: Connection, emails: Iterable[str]) -> set[str]:
    """Which of the addresses (in lower case) have anything waiting for them; one query for all."""
    wanted = set(emails)
    spelt = {spelling for email in wanted for spelling in suppressions.spellings(email)}
    rows = _sends(connection).alias(lower=Lower("send__invite__recipient_email")).filter(lower__in=spelt)
    return wanted & {_plain(email) for email in rows.values_list("send__invite__recipient_email", flat=True)}


def has_recent_notice(connection: Connection, emails: Iterable[str]) -> dict[str, Notice]:
    """Who (address in lower case) has said no at the account within the hour, and not yes again since.

    Ask this beside Klaviyo itself, whose answers may lag behind by minutes.
    """
    spelt: dict[str, set[str]] = {}
    for email in emails:
        spelt.setdefault(_plain(email), set()).add(email.lower())
    told: dict[str, list[Notice]] = {}
    for notice in _told_lately(connection).filter(email__in=spelt):
        told.setdefault(notice.email, []).append(notice)
    noes = {email: no for email, notices in told.items() if (no := _last_no(notices))}
    return {spelling: notice for email, notice in noes.items() for spelling in spelt[email]}


def has_said_no_lately(connection: Connection, email: str, profile_id: str = "") -> bool:
    """The same about one person, who may also have been named by their profile alone."""
    whose = Q(email=_plain(email)) | (Q(profile_id=profile_id) if profile_id else Q())
    told = _told_lately(connection).filter(whose)
    # Another address of the same profile has a consent of its own: a yes to that is none to this.
    return (
        _last_no([one for one in told if one.topic in topics.OPT_OUTS or one.email in ("", _plain(email))]) is not None
    )


def _told_lately(connection: Connection) -> "QuerySet[Notice]":
    told = Notice.objects.filter(connection=connection, topic__in=(*topics.OPT_OUTS, *topics.WELCOMES))
    return told.annotate(said_at=_SAID_AT).filter(said_at__gt=Now() - RECENT)


def _last_no(told: list[Notice]) -> Notice | None:
    """The no that stands: of the same moment it wins, and a welcome takes back what it is about, and has a time."""
    no: Notice | None = None
    for notice in sorted(told, key=lambda one: (one.happened_at or one.received_at, one.topic in topics.OPT_OUTS)):
        if notice.topic in topics.OPT_OUTS:
            no = no if no and no.topic != topics.SUPPRESSED else notice
        elif no and notice.happened_at and (notice.topic == topics.SUBSCRIBED or no.topic == topics.SUPPRESSED):
            no = None
    return no


_SAID_AT = Coalesce("happened_at", "received_at")


def _plain(email: str) -> str:
    return values.address(email).lower()


def _is_of(email: str) -> Q:
    """By the delivery's address or, whatever the case it is written in, by their opt-ins; both have an index."""
    opt_ins = OptIn.objects.filter(person_key.stored("person", person_key.every(email)))
    sources = [str(uid) for uid in opt_ins.values_list("uid", flat=True)]
    return Q(subject__in={email, email.lower(), values.address(email), _plain(email)}) | Q(source__in=sources)


def _sends(connection: Connection) -> "QuerySet[Delivery]":
    waiting = Delivery.objects.filter(connection=connection, state__in=(State.QUEUED, State.HELD))
    return waiting.filter(send__isnull=False)


def _waiting(connection: Connection, email: str) -> "QuerySet[Delivery]":
    """By the delivery's address and, whatever the case it is written in, by the invite's; both have an index."""
    spellings = {email, email.lower(), values.address(email), _plain(email)}
    invites = Invite.objects.alias(lower=Lower("recipient_email")).filter(lower__in=suppressions.spellings(email))
    return _sends(connection).filter(Q(subject__in=spellings) | Q(send__invite__in=invites.values("pk")))


@transaction.atomic
def _cancel(rows: "QuerySet[Delivery]", reason: Reason) -> int:
    # Rows that others hold are theirs: https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
    free = list(in_doubt.not_taken(rows).select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True))
    return outbox.cancel(Delivery.objects.filter(pk__in=free), reason)


def _objection(profile: Profile, setting: StoreSetting | None) -> Decision | None:
    """What the person says against a send of that store: to everything, or to one of the lists it uses."""
    lists = setting.lists if setting else ()
    found = decision.decide(profile.subscriptions, Policy.NOT_OPTED_OUT, list_ids=lists)
    return found if found.code in OBJECTIONS else None
