"""Steps of an operator in a browser who connects an account, the page they read then, and time going by."""

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
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
    response = browser.post(way, headers=at_the_site())
    assert response.status_code == 200
    return leads_on_to(response)


def at_the_site() -> dict[str, str]:
    """The headers of a browser that is where the provider leads back to."""
    return {"host": urlsplit(settings.SITE_URL).netloc}


def leads_on_to(response: Any) -> str:
    """Where a page of ours leads on to by itself, which its link says as well; empty where it is no such page."""
    page = response.content.decode()
    found = [
        re.search(way, page) for way in (r'http-equiv="refresh" content="0; url=([^"]+)"', r'id="go-on" href="([^"]+)"')
    ]
    automatic, link = (html.unescape(one[1]) if one else "" for one in found)
    assert automatic == link
    return automatic


def come_back(browser: Client, answer: dict[str, str]) -> Any:
    return browser.get(CALLBACK, answer)


def told(response: Any) -> str:
    """What the operator will read on the next page."""
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def with_left(minutes: float) -> None:
    """Move the token's end, as if it had been made for an hour."""
    ends_at = timezone.now() + timedelta(minutes=minutes)
    Connection.objects.update(access_expires_at=ends_at, refreshed_at=ends_at - timedelta(hours=1))
