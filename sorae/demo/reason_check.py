"""The check of recorded reasons: what was not sent has a reason that is a good one, and true of the person."""

from collections.abc import Callable
from dataclasses import replace

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from integrations.models import Delivery
from klaviyo.mapping import catalogue
from referrals import person_key
from referrals.models import Conversion, Invite, Reminder, Suppression, Visit
from sorae.demo.expected import Expected
from sorae.demo.mail_folder import mailbox
from sorae.demo.world import World

State = Delivery.State
_MESSAGES = {catalogue.INVITE_RECEIVED.name, catalogue.INVITE_REMINDER.name}

Reason = Callable[[Expected, World], bool]
ENDED = {State.SKIPPED, State.FAILED, State.CANCELLED}


def objection(one: Expected, record: Delivery, world: World) -> str:
    """Why the record does not account for what is missing; empty where it does."""
    if record.state == State.HELD:
        return "" if one.account in world.away else "our record says held, but the account lets us in."
    if record.state == State.QUEUED and record.reason_code in POSTPONING:
        is_true = POSTPONING[record.reason_code](one, world)
        return "" if is_true else f"our record says {record.reason_code}, which is not so."
    if record.state not in ENDED:
        return f"our record says {record.state}."
    reason = REASONS.get(record.reason_code)
    if reason is None:
        return f"our record says {record.state}, {record.reason_code or 'and not why'}; that is no good reason."
    return "" if reason(one, world) else f"our record says {record.reason_code}, which is not true of the person."


def _untellable(_one: Expected, _world: World) -> bool:
    return True  # nobody could tell Klaviyo such a fact


def _is_unknown(one: Expected, world: World) -> bool:
    return not one.setting.creates_profiles and not world.register.knew(one.account, one.email)


def _objects(one: Expected, world: World) -> bool:
    return world.had_something_against_it(one)


def _suppressed_as(*reasons: Suppression.Reason) -> Reason:
    def is_suppressed(one: Expected, _world: World) -> bool:
        here = Suppression.objects.filter(Q(store=one.setting.store_id) | Q(store=None), reason__in=reasons)
        return one.metric.consent is not None and here.filter(mailbox_hash=person_key.of(one.email)).exists()

    return is_suppressed


def _withdrew(one: Expected, world: World) -> bool:
    """They said no at Klaviyo; or here, and it came back from there."""
    here = (one.account, one.email)
    said_no = world.register.has_withdrawn(*here) or here in world.opted_out
    return (one.metric.consent is not None and said_no) or _suppressed_as(Suppression.Reason.UNSUBSCRIBED)(one, world)


def _complained(one: Expected, world: World) -> bool:
    return _suppressed_as(Suppression.Reason.COMPLAINED)(one, world) or _withdrew(one, world)


def _is_over(one: Expected, _world: World) -> bool:
    return Invite.objects.filter(pk=one.invite_id, expires_at__lte=timezone.now()).exists()


def _came(one: Expected, _world: World) -> bool:
    return one.metric.consent == "reminder" and Visit.objects.filter(invite=one.invite_id).exists()


def _bought(one: Expected, _world: World) -> bool:
    invite = Invite.objects.select_related("advocate").filter(pk=one.invite_id).first()
    if invite is None or one.metric.consent != "reminder":
        return False
    buyers = Conversion.objects.filter(program=invite.advocate.program_id).values_list("friend_email", flat=True)
    return one.email in {mailbox(buyer) for buyer in buyers}


def _invite_stayed(one: Expected, world: World) -> bool:
    """It has not reached them the way that the reminder would go: by mail, or through that account."""
    uid = str(Invite.objects.get(pk=one.invite_id).uid)
    invite = replace(one, metric=catalogue.INVITE_RECEIVED, fact_id=uid)
    has_left = uid in world.went_out if one.by_mail else world.has(invite)
    return one.metric.consent == "reminder" and not has_left


def _has_a_successor(one: Expected, _world: World) -> bool:
    """A later reminder of the same invite."""
    reminder = Reminder.objects.filter(uid=one.fact_id, invite=one.invite_id).first()
    later = Reminder.objects.filter(invite=one.invite_id)
    return reminder is not None and later.filter(number__gt=reminder.number).exists()


def _has_enough(one: Expected, world: World) -> bool:
    mailed = sum(mail.to == one.email for mail in world.mails)
    flows = sum(mailbox(event.email or "") == one.email and event.metric in _MESSAGES for event in world.events)
    return mailed + flows >= settings.MAIL_PER_PERSON_AND_WEEK


def _wrote_enough(one: Expected, world: World) -> bool:
    invite = Invite.objects.get(pk=one.invite_id)
    own = {str(uid) for uid in Invite.objects.filter(advocate=invite.advocate_id).values_list("uid", flat=True)}
    return sum(mail.fact_id in own for mail in world.mails) >= settings.MAIL_PER_ADVOCATE_AND_DAY


def _is_in_doubt(one: Expected, world: World) -> bool:
    return one.by_mail and one.fact_id in world.in_doubt


REASONS: dict[str, Reason] = {
    "malformed_email": _untellable,
    "time_out_of_range": _untellable,
    "unknown_person": _is_unknown,
    **dict.fromkeys(("suppressed", "unsubscribed", "list_suppressed"), _objects),
    **dict.fromkeys(("never_subscribed", "no_profile", "consent_unknown"), _objects),
    "opted_out": _suppressed_as(Suppression.Reason.UNSUBSCRIBED),
    "bounced": _suppressed_as(Suppression.Reason.BOUNCED),
    "complained": _complained,
    "opted_out_at_klaviyo": _withdrew,
    "expired": _is_over,
    "visited": _came,
    "converted": _bought,
    "invite_not_sent": _invite_stayed,
    "superseded": _has_a_successor,
    "too_many": _has_enough,
    "outcome_unknown": _is_in_doubt,
}
POSTPONING: dict[str, Reason] = {"advocate_cap": _wrote_enough}
