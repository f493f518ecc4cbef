"""Every address of the site, as the URLconf has it, filled in with what a house holds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from integrations.models import ApiToken, Connection, Delivery, NoticeAddress, NoticeDelivery
from klaviyo.models import ActionRun, Backfill, Erasure, Send, StoreSetting, Sync, SyncRow, SyncRun
from klaviyo.pages.syncs import rejects
from referrals import unsubscribe_links
from referrals.models import Advocate, Invite

ADMIN = "admin/"
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
CATCH_ALL = "admin/(?P<url>.*)$"
APP_LIST = "app_list"


@dataclass(frozen=True)
class Route:
    """One line of the URLconf: `name` with its namespaces (empty for one that has none), and the whole pattern."""

    name: str
    pattern: str

    def __str__(self) -> str:
        return self.name or self.pattern

    @property
    def is_of_admin(self) -> bool:
        return self.pattern.startswith(ADMIN)

    @property
    def model(self) -> type[Model] | None:
        """Whose page of Django's admin it is, if it is one."""
        words = self.pattern.split("/")
        is_one = self.is_of_admin and len(words) > 3 and words[1] in ("auth", "referrals")
        return apps.get_model(words[1], words[2]) if is_one else None

    def address(self, **values: Any) -> str:
        """The address with these values, each as it stands in an address."""
        return "/" + PARAMETER.sub(lambda found: str(values[found[1]]), self.pattern)


def routes() -> list[Route]:
    """All of them, and for the two patterns that are no routes one example each."""
    return list(_below(get_resolver(), "", ""))


def address(route: Route) -> str:
    """Where it leads to something that is there."""
    return route.address(**_known(route))


def _below(resolver: URLResolver, path: str, space: str) -> Iterator[Route]:
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from _below(one, path + str(one.pattern), f"{space}{one.namespace}:" if one.namespace else space)
        else:
            yield _route(one, path, space)


def _route(one: URLPattern, path: str, space: str) -> Route:
    name, pattern = f"{space}{one.name}" if one.name else "", f"{path}{one.pattern}"
    if isinstance(one.pattern, RoutePattern):
        return Route(name, pattern)
    if one.name == APP_LIST:
        return Route(name, "admin/referrals/")
    assert pattern == CATCH_ALL, f"Say here which address is an example of {pattern}."
    return Route(name, "admin/nothing-is-here/")


def _known(route: Route) -> dict[str, Any]:
    row = route.model._default_manager.order_by("pk").first() if route.model else None
    uid = Erasure.objects.values_list("uid", flat=True).first() if route.name == "klaviyo:erasure" else None
    invite = Invite.objects.order_by("pk").first()
    row_of_sync = SyncRow.objects.first()
    return {
        "provider": "klaviyo",
        "connection_id": _first(Connection),
        "delivery_id": _first(Delivery),
        "token_id": _first(ApiToken),
        "address_id": _first(NoticeAddress),
        "notice_id": _first(NoticeDelivery),
        "setting_id": _first(StoreSetting),
        "send_id": _first(Send),
        "advocate_id": _first(Advocate),
        "run_id": _first(ActionRun),
        "backfill_id": _first(Backfill),
        "sync_id": _first(Sync),
        "sync_run_id": _first(SyncRun),
        "row_word": (row_of_sync and rejects.token(row_of_sync.sync, row_of_sync.key)) or "none",
        "name": "list_lists",
        "uid": uid or (invite.uid if invite else ""),
        "object_id": row.pk if row else 1,
        "id": row.pk if row else 1,
        "content_type_id": 1,
        "code": Advocate.objects.values_list("referral_code", flat=True).first(),
        "store": "tea-house",
        "program": "spring",
        "rest": "/v1/openapi.json",
        "token": unsubscribe_links.address(invite).rpartition("/")[2] if invite else "none",
    }


def _first(model: type[Model]) -> Any:
    return model._default_manager.order_by("pk").values_list("pk", flat=True).first()
