"""Steps of an operator in a browser who connects an account, the page they read then, and time going by."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection

CONNECT = "/admin/integrations/teapot/connect"
CALLBACK = "/admin/integrations/teapot/callback"


def somebody(name: str, *missing: str) -> User:
    """Somebody of the staff with the permissions of this app, without those `missing`."""
    user = User.objects.create_user(name, password="x", is_staff=True)
    allowed = Permission.objects.filter(content_type__app_label="integrations").exclude(codename__in=missing)
    user.user_permissions.set(allowed)
    return user


def leave(browser: Client, connection: Connection | None = None) -> str:
    """Press Connect, or Reconnect; the consent screen's address."""
    way = reverse("integrations:reconnect", args=[connection.pk]) if connection else CONNECT
    response = browser.post(way)
    assert response.status_code == 302
    return str(response["Location"])


def come_back(browser: Client, answer: dict[str, str]) -> Any:
    return browser.get(CALLBACK, answer)


def told(response: Any) -> str:
    """What the operator will read on the next page."""
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def with_left(minutes: float) -> None:
    """Move the token's end, as if it had been made for an hour."""
    ends_at = timezone.now() + timedelta(minutes=minutes)
    Connection.objects.update(access_expires_at=ends_at, refreshed_at=ends_at - timedelta(hours=1))
