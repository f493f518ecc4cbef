"""Klaviyo, as the integrations know it: addresses, scopes with the reason for each, and who is behind a token."""

from collections.abc import Sequence

from django.conf import settings

from integrations.models import Connection
from integrations.providers import Addresses, Provider, Scope
from klaviyo import delivery
from klaviyo.api import accounts

SCOPES = (
    Scope("accounts:read", "to know which Klaviyo account is connected, and that it is still the same one"),
    Scope("profiles:read", "to see whether Klaviyo knows a person, and what they agreed to"),
    Scope("profiles:write", "to keep advocates' referral code, share link and totals on their profiles"),
    Scope("events:read", "to check that events have really arrived"),
    Scope("events:write", "to record what happens in a referral's life"),
    Scope("lists:read", "to let you choose a list"),
    Scope("lists:write", "to add people whom Sorae created to the list you chose"),
)


def addresses() -> Addresses:
    """Where Klaviyo's OAuth lives: https://developers.klaviyo.com/en/docs/set_up_oauth."""
    return Addresses(
        authorize=settings.KLAVIYO_AUTHORIZE_URL,
        token=f"{settings.KLAVIYO_API_URL}/oauth/token",
        revoke=f"{settings.KLAVIYO_API_URL}/oauth/revoke",
        client_id=settings.KLAVIYO_CLIENT_ID,
        client_secret=settings.KLAVIYO_CLIENT_SECRET,
    )


def served(connection: Connection) -> Sequence[str]:
    """The stores whose facts go through a connection."""
    from klaviyo.models import ProfileSync

    syncs = ProfileSync.objects.filter(connection=connection, is_enabled=True).select_related("store")
    return [sync.store.name for sync in syncs.order_by("store__name")]


KLAVIYO = Provider(
    slug="klaviyo",
    name="Klaviyo",
    scopes=SCOPES,
    addresses=addresses,
    identify=accounts.identify,
    deliver=delivery.deliver,
    served=served,
)
