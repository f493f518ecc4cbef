"""Relevance of a send: its invite is still open, and the invite that a reminder is about has gone out."""

from datetime import timedelta

from integrations.models import Delivery
from integrations.outbox.waiting import EXPIRED
from integrations.outcomes import SUPERSEDED, Outcome, Retry, Skipped
from integrations.reasons import Who, declare
from klaviyo.consent import suppression
from klaviyo.models import Send
from referrals.models import Invite

SENT = (Delivery.State.ACCEPTED, Delivery.State.CONFIRMED)
NOT_SENT = Skipped(
    declare(
        "invite_not_sent",
        "The invite never went out",
        "The invite that it would remind of has not gone out.",
        because="the invite that it reminds of never went out",
        means="Nobody is reminded of something they have not got.",
        who=Who.NOBODY,
        do="See why the invite did not go out.",
    )
)
INVITE_WAITS = Retry(
    declare(
        "invite_waits",
        "The invite still waits",
        "The invite that it would remind of still waits.",
        because="the invite that it reminds of has not gone out yet",
        means="Nobody is reminded of something they have not got.",
        who=Who.ITSELF,
        do="See why the invite waits.",
    ),
    after=timedelta(minutes=1),
    refund=True,
)
VISITED = declare(
    "visited",
    "They came already",
    "The friend has come to the shop meanwhile.",
    because="they have come to the shop already",
    means="Nobody is reminded of what they have done.",
    who=Who.NOBODY,
)
CONVERTED = declare(
    "converted",
    "They bought already",
    "The friend has bought meanwhile.",
    because="they have bought already",
    means="Nobody is reminded of what they have done.",
    who=Who.NOBODY,
)
CLOSED = {
    Invite.Closing.VISITED: VISITED,
    Invite.Closing.CONVERTED: CONVERTED,
    Invite.Closing.OPTED_OUT: suppression.OPTED_OUT.saying("The friend has said no meanwhile."),
    Invite.Closing.EXPIRED: EXPIRED.saying("The invite has expired."),
    Invite.Closing.ERASED: suppression.ERASED.saying("A person whom it names was erased."),
}


GONE = Skipped(
    declare(
        "invite_gone",
        "Invite gone",
        "The invite that it would tell of is no longer stored.",
        because="the invite is no longer stored",
        means="Somebody deleted the invite, or the record of this message, after it was queued.",
        who=Who.NOBODY,
    )
)


def is_gone(delivery: Delivery) -> bool:
    """Whether the message's own record, or the invite that it is about, has been deleted."""
    return not Send.objects.filter(delivery=delivery.pk, invite__isnull=False).exists()


def objection(send: Send) -> Outcome | None:
    """Why nothing is to be sent any more, or not yet; None when there is nothing against it."""
    invite = Invite.objects.filter(pk=send.invite_id).first()
    if invite is None:
        return GONE
    if send.reminder is None:
        return _closed(invite) if invite.closed_by == Invite.Closing.ERASED else None
    if invite.reminders.filter(number__gt=send.reminder.number).exists():
        return SUPERSEDED
    return _closed(invite) or _of_invite(send, invite)


def _closed(invite: Invite) -> Outcome | None:
    return Skipped(CLOSED[Invite.Closing(invite.closed_by)]) if invite.closed_by else None


def _of_invite(reminder: Send, invite: Invite) -> Outcome | None:
    """An invite without any send is the host's own affair, or older than sends are."""
    invites = Send.objects.filter(invite=invite, kind=Send.Kind.INVITE)
    if not invites.exists():
        return None
    if reminder.channel == Send.Channel.KLAVIYO:
        invites = invites.filter(delivery__connection=reminder.delivery.connection_id)
    states = set(invites.values_list("delivery__state", flat=True))
    if states & set(SENT):
        return None
    return INVITE_WAITS if states & set(Delivery.OPEN) else NOT_SENT
