"""Unsubscribe links: the address is signed, and its signature is the permission, so that no log-in is needed."""

from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer, b62_decode, b62_encode

from referrals.models import Invite

LONGEST_TOKEN = 100


def address(invite: Invite) -> str:
    """The signed address for messages. It never expires: keep retired secret keys in SECRET_KEY_FALLBACKS."""
    return f"{settings.SITE_URL.rstrip('/')}/u/{_signer().sign(b62_encode(invite.uid.int))}"


def invite_of(token: str) -> Invite | None:
    """The invite of a token; None for a token that is not ours, and for an invite that is gone."""
    if len(token) > LONGEST_TOKEN:
        return None
    try:
        uid = UUID(int=b62_decode(_signer().unsign(token)))
    except (BadSignature, ValueError):
        return None
    return Invite.objects.select_related("advocate__program__store").filter(uid=uid).first()


def _signer() -> Signer:
    return Signer(salt="referrals.unsubscribe", sep=".")
