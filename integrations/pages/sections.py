"""Sections of a connection: tabs that lead from its health to what else there is to see and do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from integrations import providers
from integrations.models import Connection

HEALTH, ACTIVITY = "Health", "Activity"
MAY_READ_ACTIVITY = "admin.view_logentry"


@dataclass(frozen=True)
class Tab:
    name: str
    address: str
    is_current: bool


def of(request: HttpRequest, connection: Connection, current: str) -> Sequence[Tab]:
    """Those that whoever asks may open; `current` is the name of the one that is shown."""
    may = request.user.has_perm
    health = reverse("integrations:connection", args=[connection.pk])
    activity = f"{reverse('integrations:activity')}?{urlencode({'connection': connection.pk})}"
    found = [
        providers.Section(HEALTH, health, "integrations.view_connection"),
        *providers.get(connection.provider).sections(connection),
        providers.Section(ACTIVITY, activity, MAY_READ_ACTIVITY),
    ]
    return [Tab(one.name, one.address, one.name == current) for one in found if may(one.permission)]
