"""Webhook registration: an account has exactly one webhook of ours, with the topics it has of those we want.

Nothing is held while Klaviyo is asked. Whoever has been overtaken deletes what it made; what a dead worker made
and could not write down is found by its name, and deleted.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from integrations import encryption
from integrations.encryption import Undecryptable
from integrations.errors import IntegrationError, OperatorRequired, ReconnectRequired, TemporaryError
from integrations.models import Connection
from integrations.reasons import Who, declare
from integrations.wire.deadline import Deadline
from klaviyo.api import webhooks
from klaviyo.api.client import Client
from klaviyo.consent import topics
from klaviyo.models import ConsentWatch

AGAIN = timedelta(days=1)
GOODBYE_SECONDS = 5.0  # somebody waits for the page
NO_TOPICS = declare(
    "no_topics",
    "No topics",
    "the account has none of the topics that tell of consent.",
    because="the account has none of the topics that tell of consent",
    means="Klaviyo cannot tell us by itself when somebody unsubscribes, so it is asked every minute.",
    who=Who.NOBODY,
)
# https://developers.klaviyo.com/en/reference/webhooks_api_overview
NO_WEBHOOK_BY_KEY = "Klaviyo lets only OAuth apps have webhooks, and the account is connected by a private key."
LOOPBACK = ("localhost", "127.0.0.1", "::1")
NEEDED = frozenset({webhooks.READ, webhooks.WRITE})


def is_due(watch: ConsentWatch) -> bool:
    """Daily, and whenever the account was connected anew: it may have lost the webhook, or allow one by now."""
    connected_at = watch.connection.connected_at
    return (
        watch.checked_at is None
        or watch.checked_at < timezone.now() - AGAIN
        or (connected_at is not None and watch.checked_at < connected_at)
    )


def ensure(watch: ConsentWatch) -> None:
    """Make the account tell us, or write down why it does not. Raises what passes by itself: it is due again then."""
    problem = _obstacle(watch.connection)
    if not problem:
        try:
            _one_webhook(Client(watch.connection), watch)
        except (TemporaryError, ReconnectRequired):
            raise
        except IntegrationError as error:
            problem = f"Klaviyo does not let us have a webhook: {error.sentence}"
    ConsentWatch.objects.filter(pk=watch.pk).update(problem=problem, checked_at=Now())
    watch.refresh_from_db()


def take_away(connection: Connection) -> None:
    """Delete the webhook before access ends: nobody would listen any more. Raises IntegrationError.

    Should the account stay after all, it is made again at the next look.
    """
    watch = ConsentWatch.objects.filter(connection=connection).exclude(webhook_id="").first()
    if watch:
        webhooks.delete(Client(connection, deadline=Deadline(GOODBYE_SECONDS)), watch.webhook_id)
        ConsentWatch.objects.filter(pk=watch.pk).update(checked_at=None)
        _forget(watch)


def endpoint() -> str:
    return f"{settings.SITE_URL.rstrip('/')}{reverse('klaviyo_hook')}"


def name_of(endpoint: str) -> str:
    """The name of our webhook there. It tells installations apart: Klaviyo shows of an address only the host."""
    return f"Sorae consent {hashlib.sha256(endpoint.encode()).hexdigest()[:12]}"


def _obstacle(connection: Connection) -> str:
    if connection.has_key:
        return NO_WEBHOOK_BY_KEY
    if missing := NEEDED - connection.granted:
        return f"The account was connected without {' and '.join(sorted(missing))}. Reconnect it to allow that."
    ours, theirs = urlsplit(settings.SITE_URL), urlsplit(settings.KLAVIYO_API_URL)
    if ours.scheme != "https" and not (ours.hostname in LOOPBACK and theirs.hostname in LOOPBACK):
        # https://developers.klaviyo.com/en/reference/create_webhook
        return "Klaviyo only posts to https addresses, and SITE_URL is none."
    return ""


def _one_webhook(client: Client, watch: ConsentWatch) -> None:
    available = set(webhooks.topics(client))
    wanted = [topic for topic in topics.WANTED if topic in available]
    if not wanted:
        raise OperatorRequired(NO_TOPICS)
    name = name_of(endpoint())
    is_kept = False
    for webhook in webhooks.all_of(client):
        if webhook.id == watch.webhook_id and webhook.name == name and webhook.is_enabled and _is_good(watch, wanted):
            is_kept = True
        elif webhook.id == watch.webhook_id or webhook.name == name:
            webhooks.delete(client, webhook.id)
    if not is_kept:
        _forget(watch)
        _create(client, watch, name, wanted)


def _is_good(watch: ConsentWatch, wanted: Sequence[str]) -> bool:
    try:
        return bool(watch.secret) and watch.topics == wanted
    except Undecryptable:
        return False


def _forget(watch: ConsentWatch) -> None:
    gone = ConsentWatch.objects.filter(pk=watch.pk, webhook_id=watch.webhook_id)
    gone.update(webhook_id="", secret="", topics=[])
    watch.webhook_id = ""


def _create(client: Client, watch: ConsentWatch, name: str, wanted: Sequence[str]) -> None:
    secret = secrets.token_urlsafe(32)
    host = urlsplit(settings.SITE_URL).hostname
    description = f"Tells Sorae at {host} who has unsubscribed. Made by Sorae, which makes it again when it is gone."
    id = webhooks.create(client, name, description, endpoint(), secret, wanted)
    same = ConsentWatch.objects.filter(pk=watch.pk, webhook_id=watch.webhook_id)
    sealed = encryption.field_of(ConsentWatch, "secret").seal(secret, watch.pk)
    if not same.update(webhook_id=id, secret=sealed, topics=wanted):
        webhooks.delete(client, id)
