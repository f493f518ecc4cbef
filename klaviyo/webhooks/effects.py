"""Effects of one webhook notice. What it says of a person is only ever taken as a reason to send less."""

from django.utils import timezone

from integrations.errors import TemporaryError
from integrations.reasons import Who, declare
from klaviyo.api.profiles import Profile
from klaviyo.consent import heard_noes, opt_outs, topics
from klaviyo.models import Notice
from klaviyo.webhooks.profiles import People

ROW_HELD = declare(
    "row_held",
    "Not cancelled yet",
    "Something that waits for the person could not be cancelled yet.",
    because="what waits for them could not be cancelled yet",
    means="Somebody else was writing about it at that moment.",
    who=Who.ITSELF,
)


class InAnothersHands(TemporaryError):
    """A message to the person waits, but another transaction holds its row at this moment."""

    def __init__(self) -> None:
        super().__init__(ROW_HELD)


def needs_a_look(notice: Notice) -> bool:
    """Whether the account must be asked who the person is, or what they say by now."""
    if notice.topic in topics.HINTS:
        return True
    if notice.topic in topics.OPT_OUTS:
        return not notice.email or not _is_recent(notice)
    return notice.topic in topics.WELCOMES and not notice.email


def of(notice: Notice, people: People, *, is_the_last_word: bool) -> str:
    """Do what follows, and say what that was. Raises IntegrationError when it cannot be done now.

    `is_the_last_word`: whether the last that was heard of the person, within the hour, is a no.
    """
    if notice.topic not in topics.WANTED:
        return "Stored; nothing follows from this topic."
    profile = people.about(notice) if needs_a_look(notice) else None
    if not notice.email:
        return "Nobody is known by it any more."
    if notice.topic in topics.OPT_OUTS and is_the_last_word:
        return _withdrawn(notice)
    if notice.topic in topics.OPT_OUTS and _is_recent(notice):
        return "The person has taken it back since."
    if notice.topic == topics.SUBSCRIBED:
        return _confirmed(notice)
    if notice.topic in topics.WELCOMES:
        return "Noted."
    return _looked_again(notice, profile)


def _withdrawn(notice: Notice) -> str:
    _note(notice)
    cancelled = opt_outs.cancel(notice.connection, notice.email, topics.OPT_OUTS[notice.topic])
    if opt_outs.is_waited_for(notice.connection, notice.email):
        raise InAnothersHands
    return f"Messages cancelled: {cancelled}."


def _note(notice: Notice) -> None:
    """What the shop's own people have suppressed is nobody's no."""
    if notice.topic in topics.BY_THEMSELVES:
        heard_noes.note(
            notice.connection,
            notice.email,
            is_complaint=notice.topic == topics.SPAM,
            happened_at=notice.happened_at or notice.received_at,
        )


def _looked_again(notice: Notice, profile: Profile | None) -> str:
    """Only what the account says of the person by now counts."""
    if notice.topic == topics.JOINED_A_LIST and profile and opt_outs.has_subscribed(profile):
        return _confirmed(notice)
    if notice.topic in topics.OPT_OUTS and profile and heard_noes.has_refused(profile):
        _note(notice)
    return f"Messages cancelled: {opt_outs.reconsider(notice.connection, notice.email, profile)}."


def _confirmed(notice: Notice) -> str:
    return f"Opt-ins confirmed: {opt_outs.confirm(notice.connection, notice.email, notice.happened_at)}."


def _is_recent(notice: Notice) -> bool:
    return (notice.happened_at or notice.received_at) > timezone.now() - opt_outs.RECENT
