"""Provider: Klaviyo's OAuth addresses and private keys, scopes with the reason for each, and the account behind."""

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from integrations.models import Connection
from integrations.providers import Access, Addition, Addresses, Keys, Provider, Scope, Section, Served
from klaviyo.api import accounts, private_keys, quotas, webhooks
from klaviyo.delivery.batch import KINDS, deliver
from klaviyo.models import StoreSetting
from klaviyo.webhooks import register
from referrals.models import Store

LONGEST_ID = 19

SCOPES = (
    Scope("accounts:read", "to know which Klaviyo account is connected, and that it is still the same one"),
    Scope("profiles:read", "to see whether Klaviyo knows a person, and what they agreed to"),
    Scope("profiles:write", "to keep advocates' referral code, share link and totals on their profiles"),
    Scope("events:read", "to check that events have really arrived"),
    Scope("events:write", "to record what happens in a referral's life"),
    Scope("lists:read", "to let you choose a list"),
    Scope("lists:write", "to add people whom Sorae created to the list you chose"),
    Scope("subscriptions:write", "to forward a newsletter opt-in or an unsubscribe that was given to you", True),
    Scope("webhooks:read", "to see whether Klaviyo already tells us of changed consent", True),
    Scope("webhooks:write", "to hear of an unsubscribe at once; without it we ask every minute", True),
    Scope("data-privacy:write", "to have Klaviyo delete a person whom you erase here", True),
)
NEVER = dict.fromkeys(
    (webhooks.READ, webhooks.WRITE),
    "Klaviyo lets only OAuth apps have webhooks. Changes of consent are asked for every minute instead.",
)


def scopes_of(access: Access) -> dict[str, bool]:
    return private_keys.scopes_of(access, [scope.name for scope in SCOPES])


ADDITIONS = (
    Addition("segments", "Segments: read, make, change and delete them", ("segments:read", "segments:write")),
    Addition(
        "templates", "E-mail templates: read, make, change and delete them", ("templates:read", "templates:write")
    ),
    Addition("campaigns", "Campaigns: read, make, change, send and delete them", ("campaigns:read", "campaigns:write")),
    Addition("images", "Pictures: read, upload and rename them", ("images:read", "images:write")),
    Addition("metrics", "Metrics: read what is counted", ("metrics:read",)),
    Addition("flows", "Flows: read, make, delete, and switch them on or off", ("flows:read", "flows:write")),
    Addition("tags", "Tags: read, make and delete them, and put them on things", ("tags:read", "tags:write")),
    Addition(
        "coupons",
        "Coupons and their codes: read, make, change and delete them",
        ("coupons:read", "coupons:write", "coupon-codes:read", "coupon-codes:write"),
    ),
    Addition("subscriptions", "Suppressions: see how a bulk change of them went", ("subscriptions:read",)),
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


def served(connections: Sequence[Connection]) -> dict[int, list[str]]:
    """The names of the stores whose facts go through each connection."""
    names: dict[int, list[str]] = {connection.pk: [] for connection in connections}
    store_settings = StoreSetting.objects.filter(connection__in=connections, is_enabled=True)
    for connection_id, name in store_settings.order_by("store__name").values_list("connection_id", "store__name"):
        names[connection_id].append(name)
    return names


def stores() -> list[Served]:
    """Every store, by name; `word` is its id."""
    joined = set(StoreSetting.objects.values_list("store", flat=True))
    return [
        Served(str(pk), name, pk in joined) for pk, name in Store.objects.order_by("name").values_list("pk", "name")
    ]


def review(connection: Connection, word: str) -> str:
    """To where a store is joined: the one that was named on the way, or any if none is joined yet."""
    joined = set(map(str, StoreSetting.objects.filter(connection=connection).values_list("store", flat=True)))
    if (word and word in joined) or (not word and joined):
        return ""
    page = reverse("klaviyo:review", args=[connection.pk])
    return f"{page}?store={int(word)}" if word.isdecimal() and len(word) < LONGEST_ID else page


def sections(connection: Connection) -> list[Section]:
    """The pages about one account, as tabs beside its health."""
    settings_page = f"{reverse('klaviyo:settings')}?connection={connection.pk}"
    return [
        Section("Settings", settings_page, "klaviyo.view_storesetting"),
        Section("Syncs", f"{reverse('klaviyo:syncs')}?connection={connection.pk}", "klaviyo.view_sync"),
        Section("Backfill", reverse("klaviyo:backfill", args=[connection.pk]), "klaviyo.view_backfill"),
        Section("Flows", reverse("klaviyo:flows", args=[connection.pk]), "klaviyo.view_storesetting"),
    ]


REMAINS = (
    "Profiles with their referral properties, list memberships and events stay in Klaviyo, as do flows, segments and "
    "templates that were built with them.",
    "Our webhook, if there is one, is deleted there. Who unsubscribes in Klaviyo from then on is not known here until "
    "the account is connected again.",
)

KLAVIYO = Provider(
    slug="klaviyo",
    name="Klaviyo",
    scopes=SCOPES,
    addresses=addresses,
    identify=accounts.identify,
    kinds=tuple(KINDS.values()),
    served=served,
    to_serve=stores,
    next_page=review,
    sections=sections,
    take_away=register.take_away,
    remains=REMAINS,
    quotas=quotas.of,
    about={
        "klaviyo.StoreSetting": "connection",
        "klaviyo.Backfill": "setting__connection",
        "klaviyo.Send": "delivery__connection",
    },
    does=(
        ("Events", "Each thing that happens in a referral, from the first invite to the reward, for your flows."),
        ("Profiles", "Referral code, share link and totals of each advocate, for your segments and templates."),
        ("Consent", "Nobody who has said no is written to. A yes or a no that was given to you is passed on."),
    ),
    bulk_from=lambda: settings.KLAVIYO_BULK_FROM,
    deliver=deliver,
    additions=ADDITIONS,
    keys=Keys(
        read=private_keys.read,
        authorization=private_keys.authorization,
        scopes=scopes_of,
        how_to_make="In Klaviyo: Settings → Account → API keys → Create Private API Key. A custom key with these:",
        how_to_revoke="Delete the key in Klaviyo, too: Settings → Account → API keys.",
        never=NEVER,
    ),
)
