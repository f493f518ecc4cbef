"""Suppression by Sorae's own list: messages that wait for a suppressed person are cancelled at once."""

from django.db.models.functions import Lower

from integrations import outbox
from integrations.models import Delivery
from integrations.reasons import Reason, Who, declare
from klaviyo.confirmation import in_doubt
from klaviyo.consent import topics
from klaviyo.models import Send
from referrals import suppressions
from referrals.models import Invite, Suppression

OPTED_OUT = declare(
    "opted_out",
    "Said no to us",
    "The person has told Sorae to send no more invites.",
    because="they asked the store not to write to them",
    means="The person used the link in a message, or a page of ours, to say that they want no invites.",
    who=Who.PERSON,
    do="Nothing to do.",
)
BOUNCED = declare(
    "bounced",
    "Cannot be reached",
    "The address cannot be reached: an earlier message came back.",
    because="their address bounced",
    means="A mail server said for good that this address takes no mail, usually because it does not exist.",
    who=Who.NOBODY,
    do="Ask the advocate for the friend's right address, and invite that one.",
)
ERASED = declare(
    "erased",
    "Erased",
    "The person was erased at their own wish, and is not to be invited again.",
    because="they were erased at their own wish",
    means="Only a mark that cannot be turned back into an address was kept, so that nobody writes to them again.",
    who=Who.NOBODY,
)
REASONS = {
    Suppression.Reason.UNSUBSCRIBED: OPTED_OUT,
    Suppression.Reason.COMPLAINED: topics.COMPLAINED.saying("The person has reported a message of ours as spam."),
    Suppression.Reason.BOUNCED: BOUNCED,
    Suppression.Reason.ERASED: ERASED,
}


def reason(suppression: Suppression) -> Reason:
    """Why nothing is sent to who is suppressed, as sends have it."""
    return REASONS[Suppression.Reason(suppression.reason)]


def cancel_sends(email: str, suppression: Suppression) -> int:
    """Cancel what waits for the person: in the suppression's store, or (without one) everywhere; how many."""
    invites = Invite.objects.alias(address=Lower("recipient_email")).filter(address__in=suppressions.spellings(email))
    sends = Send.objects.filter(invite__in=invites).values("delivery")
    if suppression.store_id:
        sends = sends.filter(store=suppression.store_id)
    return outbox.cancel(in_doubt.not_taken(Delivery.objects.filter(pk__in=sends)), reason(suppression))
