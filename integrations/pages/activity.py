"""Activity page: who connected, changed, retried, exported, erased or signed in, newest first; it holds no secret."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET

from integrations.models import Connection
from integrations.pages import activity_about, audit_log, csv_lines, filtering, paging, sections
from integrations.pages.access import for_operators

HEADER = ("when", "who", "what", "about", "kind")
CHOICES_SHOWN = 500
#: Pages of ours that tell more of a row than the admin's own do.
PAGES = {
    "connection": "integrations:connection",
    "delivery": "integrations:delivery",
    "storesetting": "klaviyo:settings_edit",
}


@dataclass(frozen=True)
class ActivityFilter:
    """Which entries are wanted: of a user, about a kind of thing or one connection (all by id), with these words, since
    a day."""

    who: str = ""
    kind: str = ""
    connection: str = ""
    words: str = ""
    since: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        given = {one.name: query.get(one.name, "").replace("\x00", "").strip()[:120] for one in fields(cls)}
        for name in ("who", "kind", "connection"):
            given[name] = filtering.id_in(given[name])
        given["since"] = filtering.day_in(given["since"])
        return cls(**given)

    @property
    def query(self) -> str:
        return urlencode({one.name: value for one in fields(self) if (value := getattr(self, one.name))})

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves out anything of the page's own: of a connection, what is about it."""
        return any(getattr(self, one.name) for one in fields(self) if one.name != "connection")

    def among(self, entries: "QuerySet[LogEntry]") -> "QuerySet[LogEntry]":
        found = entries
        if self.who:
            found = found.filter(user=int(self.who))
        if self.kind:
            found = found.filter(content_type=int(self.kind))
        if self.connection:
            found = found.filter(activity_about.connection(int(self.connection)))
        if self.words:
            found = found.filter(change_message__icontains=self.words) | found.filter(object_repr__icontains=self.words)
        if since := filtering.starts(self.since):
            found = found.filter(action_time__gte=since)
        return found


@dataclass(frozen=True)
class Entry:
    """One thing that somebody did; `address` leads to what it was done to, where that is still there to be seen."""

    at: datetime
    who: str
    what: str
    about: str
    kind: str
    address: str = ""


@for_operators(sections.MAY_READ_ACTIVITY)
@require_GET
def activity(request: HttpRequest) -> HttpResponse:
    chosen = ActivityFilter.read(request.GET)
    connection = Connection.objects.filter(pk=chosen.connection).first() if chosen.connection else None
    kinds = ContentType.objects.filter(pk__in=LogEntry.objects.order_by().values("content_type").distinct())
    context = {
        "title": "Activity",
        "connection": connection,
        "sections": sections.of(request, connection, sections.ACTIVITY) if connection else (),
        "filter": chosen,
        "page": paging.of(_entries(chosen), request.GET, _entry),
        "who": User.objects.order_by("username").values_list("pk", "username")[:CHOICES_SHOWN],
        "kinds": sorted((kind.pk, str(kind.name).capitalize()) for kind in kinds),
    }
    return render(request, "integrations/activity.html", admin.site.each_context(request) | context)


@for_operators(sections.MAY_READ_ACTIVITY)
@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """What the filter shows, as CSV, while it is read."""
    rows = map(_cells, _entries(ActivityFilter.read(request.GET)).order_by("-pk").iterator(500))
    audit_log.note_of_none(request, "Activity", "Exported the activity.")
    response = StreamingHttpResponse(csv_lines.of(HEADER, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="activity.csv"'
    return response


def _entries(chosen: ActivityFilter) -> "QuerySet[LogEntry]":
    return chosen.among(LogEntry.objects.select_related("user", "content_type"))


def _entry(row: LogEntry) -> Entry:
    kind = str(row.content_type.name).capitalize() if row.content_type else ""
    what = row.get_change_message() or {1: "Added.", 2: "Changed.", 3: "Deleted."}.get(row.action_flag, "")
    return Entry(row.action_time, row.user.get_username(), what, row.object_repr, kind, _address(row))


def _address(row: LogEntry) -> str:
    if row.is_deletion() or row.content_type is None:
        return ""
    try:
        if page := PAGES.get(row.content_type.model):
            return reverse(page, args=[row.object_id])
        return row.get_admin_url() or ""
    except NoReverseMatch:
        return ""


def _cells(row: LogEntry) -> Sequence[str]:
    entry = _entry(row)
    return entry.at.isoformat(timespec="seconds"), entry.who, entry.what, entry.about, entry.kind
