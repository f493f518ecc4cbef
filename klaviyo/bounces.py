"""Bounces and spam complaints about Sorae's own mail, as the host's mail service reports them."""

from django.db import transaction
from django.db.models.functions import Coalesce, Now

from klaviyo.api import values
from klaviyo.models import Send
from referrals import lifecycle
from referrals.models import Suppression


def bounced(message_id: str, reason: str = "", *, is_permanent: bool = True) -> bool:
    """A message of ours came back. False when it is none of ours.

    `reason` is the mail server's own words. A permanent bounce keeps the address from being written to again.
    """
    return _came_back(message_id, reason, Suppression.Reason.BOUNCED if is_permanent else None)


def complained(message_id: str, reason: str = "") -> bool:
    """Somebody has reported a message of ours as spam. False when it is none of ours."""
    return _came_back(message_id, reason or "Reported as spam.", Suppression.Reason.COMPLAINED)


def _came_back(message_id: str, reason: str, suppress_as: Suppression.Reason | None) -> bool:
    known = f"<{values.text(message_id).strip().strip('<> ')}>"
    ours = Send.objects.filter(message_id=known)  # an erased person's has no id any more
    send = ours.select_related("invite", "store").first()
    if send is None:
        return False
    with transaction.atomic():
        if suppress_as:
            lifecycle.suppress(send.invite.recipient_email, suppress_as, store=send.store)
        bounce = values.text(reason)[:1000] or "No reason was given."
        ours.filter(pk=send.pk).update(bounced_at=Coalesce("bounced_at", Now()), bounce=bounce)
    return True
