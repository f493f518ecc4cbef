"""A person who said no to Sorae is taken out of the queue at once."""

from django.db.models.functions import Lower

from integrations import outbox
from integrations.models import Delivery
from klaviyo.confirmation import in_doubt
from klaviyo.models import Send
from referrals import suppressions
from referrals.models import Invite, Suppression

CODES = {
    Suppression.Reason.UNSUBSCRIBED: "opted_out",
    Suppression.Reason.COMPLAINED: "complained",
    Suppression.Reason.BOUNCED: "bounced",
    Suppression.Reason.ERASED: "erased",
}
SENTENCES = {
    Suppression.Reason.UNSUBSCRIBED: "The person has told Sorae to send no more invites.",
    Suppression.Reason.COMPLAINED: "The person has reported a message of ours as spam.",
    Suppression.Reason.BOUNCED: "The address cannot be reached: an earlier message came back.",
    Suppression.Reason.ERASED: "The person was erased at their own wish, and is not to be invited again.",
}


def words(suppression: Suppression) -> tuple[str, str]:
    """Code and sentence of a suppression, as sends have them."""
    reason = Suppression.Reason(suppression.reason)
    return CODES[reason], SENTENCES[reason]


def cancel_sends(email: str, suppression: Suppression) -> int:
    """Cancel what waits for the person: in the suppression's store, or (without one) everywhere; how many."""
    invites = Invite.objects.alias(address=Lower("recipient_email")).filter(address__in=suppressions.spellings(email))
    sends = Send.objects.filter(invite__in=invites).values("delivery")
    if suppression.store_id:
        sends = sends.filter(store=suppression.store_id)
    return outbox.cancel(in_doubt.not_taken(Delivery.objects.filter(pk__in=sends)), *words(suppression))
