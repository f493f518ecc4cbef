"""Send summary in words: the friend, the state of the send, and the reason for it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import QuerySet

from integrations import outcomes, reasons
from integrations.models import Delivery
from integrations.pages import story
from klaviyo.confirmation import in_doubt
from klaviyo.consent import suppression, topics
from klaviyo.models import Send
from klaviyo.provider import KLAVIYO
from referrals import suppressions
from referrals.models import Suppression

State = Delivery.State
CANCELLABLE = (State.HELD, State.QUEUED)
NOT_SENT = (State.SKIPPED, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class Row:
    """A send as the table shows it."""

    send: Send
    friend: str
    email: str
    what: str
    why: str
    level: str
    state: str


def related(sends: "QuerySet[Send]") -> "QuerySet[Send]":
    """With all that a row or a headline says, in one query."""
    return sends.select_related("delivery__connection", "invite__advocate", "reminder", "store", "program")


def row(send: Send) -> Row:
    delivery = send.delivery
    why = "" if delivery.state in (State.ACCEPTED, State.CONFIRMED) and not send.bounced_at else delivery.reason
    return Row(send, friend(send), email(send), what(send), why or _bounce(send), level(send), state(send))


def friend(send: Send) -> str:
    """Whom it was for: the name, else the address; an erased person has neither."""
    return send.invite.recipient_name or email(send) or "Somebody who was erased"


def email(send: Send) -> str:
    """The friend's address; empty once they were erased."""
    address = send.invite.recipient_email
    return "" if suppressions.is_erased(address) else address


def what(send: Send) -> str:
    """Invite, or which reminder."""
    return f"Reminder {send.reminder.number}" if send.reminder else send.get_kind_display()


def state(send: Send) -> str:
    """The state in the words of this page."""
    if send.bounced_at:
        return "Bounced"
    return "Sent" if send.delivery.state in (State.ACCEPTED, State.CONFIRMED) else story.state(send.delivery)


def level(send: Send) -> str:
    return "bad" if send.bounced_at else story.level(send.delivery)


def headline(send: Send) -> str:
    """The answer, in one sentence, to who has never seen any of this."""
    who, thing, delivery = friend(send), send.get_kind_display().lower(), send.delivery
    because = reasons.of(delivery.reason_code).naming(KLAVIYO.name).because if delivery.reason_code else ""
    if send.bounced_at and code_of(send) == topics.COMPLAINED.code:
        return f"{who}'s {thing} was sent, and they have reported the store's e-mail as spam."
    if send.bounced_at:
        return f"{who} did not get this {thing}: it came back."
    match delivery.state:
        case State.ACCEPTED | State.CONFIRMED:
            return f"{who}'s {thing} {_went(send)}."
        case State.HELD:
            return f"{who}'s {thing} is held: {because or 'somebody must act first'}."
        case State.QUEUED if because:
            return f"{who}'s {thing} waits: {because}."
        case State.QUEUED:
            return f"{who}'s {thing} waits for its turn."
        case State.SENDING:
            return f"{who}'s {thing} is on its way just now."
        case _ if delivery.reason_code == outcomes.UNKNOWN.code:
            return f"It is not known whether {who} got this {thing}: {because}."
        case _ if delivery.reason.endswith(in_doubt.AS_FAR_AS_KNOWN):
            return f"As far as is known, {who} did not get this {thing}: {because}."
        case _:
            return f"{who} did not get this {thing}: {because or 'no reason is on record'}."


def profile_address(profile_id: str) -> str:
    """Where Klaviyo shows the profile; empty where we do not know which it is."""
    parts = urlsplit(settings.KLAVIYO_AUTHORIZE_URL)
    return f"{parts.scheme}://{parts.netloc}/profile/{profile_id}" if profile_id else ""


def code_of(send: Send) -> str:
    """The code of the reason: what came back after it went out, else what the delivery says."""
    if not send.bounced_at:
        return send.delivery.reason_code
    held = suppressions.of(send.store_id, [send.invite.recipient_email]).values()
    has_complained = any(row.reason == Suppression.Reason.COMPLAINED for row in held)
    return (topics.COMPLAINED if has_complained else suppression.BOUNCED).code


def _went(send: Send) -> str:
    if send.channel == Send.Channel.SORAE:
        return "was sent by Sorae's own e-mail, and the mail server took it"
    seen = " and was seen there" if send.delivery.state == State.CONFIRMED else ""
    return f"was handed to Klaviyo{seen}, where the store's flow sends it"


def _bounce(send: Send) -> str:
    return send.bounce if send.bounced_at else ""
