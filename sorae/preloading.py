"""What servers and workers import before there is work: commands go without it, and nobody is to wait for it then."""

from importlib import import_module

from django.urls import get_resolver

from integrations.pages import visiting

MODULES = (
    "celery.app.amqp",
    "crawlerdetect",
    "cryptography.hazmat.primitives.ciphers.aead",
    "integrations.pacing.redis_counters",
    "integrations.pages.overview",
    "integrations.wire.door",
    "iso4217",
    "klaviyo.endpoints.addresses",
    "klaviyo.webhooks.receive",
    "kombu.pools",
    "referrals.phone_plans",
    "requests_oauthlib",
)


def preload() -> None:
    """Everything that is imported where it is used."""
    for name in MODULES:
        import_module(name)
    get_resolver().url_patterns  # noqa: B018  (reads the paths, and with them the names of views)
    visiting.load_all()
