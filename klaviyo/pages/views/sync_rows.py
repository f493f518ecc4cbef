"""Rows of a sync as pages: who was not told and why, the same as CSV, and one row."""

import time

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from integrations.pages import sections
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from klaviyo.models import Sync, SyncRow, SyncRun
from klaviyo.pages.syncs import preview, rejects
from klaviyo.pages.syncs.preview import Preview
from klaviyo.pages.syncs.rejects import Chosen
from klaviyo.pages.syncs.rights import PEOPLE, VIEW
from klaviyo.pages.views.syncs import KNOWN, TAB, rights, shown
from klaviyo.syncs.columns import keys
from klaviyo.syncs.sources.opening import open_table
from klaviyo.syncs.sources.table import Row, SourceError

SECONDS = 15.0


@for_operators(VIEW)
@never_cache
@require_GET
def rows(request: HttpRequest, sync_id: int) -> HttpResponse:
    """Those that stand still, by their reasons; or of the state that is asked for."""
    row = get_object_or_404(KNOWN, pk=sync_id)
    chosen = Chosen.read(request.GET)
    may = rights(request)
    found, more = rejects.page(row, chosen, request.GET.get("after", ""), may["sees_people"])
    last = _last_run(row)
    is_unread = chosen.state in ("", SyncRow.State.REJECTED) and chosen.field is None and "after" not in request.GET
    unread = rejects.unread(last) if is_unread else []
    query = request.GET.copy()
    query.pop("after", None)
    context = {
        "title": f"Rows of {row.name}",
        "connection": row.connection,
        "sections": sections.of(request, row.connection, TAB),
        "row": row,
        "chosen": chosen,
        "groups": rejects.groups(row, chosen),
        "found": [*unread, *found],
        "more": more,
        "query": query.urlencode(),
        "run": last,
        **may,
    }
    return shown(request, "sync_rows", context)


@for_operators(VIEW)
@require_GET
def export(request: HttpRequest, sync_id: int) -> StreamingHttpResponse:
    """What the filter shows, as CSV, while it is read; people masked for who may not see them."""
    row = get_object_or_404(KNOWN, pk=sync_id)
    sees_people = request.user.has_perm(PEOPLE)
    note(
        request, row.connection, f"Exported rows of the sync {row.name}{'' if sees_people else ', with people masked'}."
    )
    lines = rejects.lines(row, _last_run(row), Chosen.read(request.GET), sees_people)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{row.slug}-rejected.csv"'
    return response


@for_operators(VIEW)
@never_cache
@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, sync_id: int, row_word: str) -> HttpResponse:
    """One row: what became of it; and, when it is asked for, as it stands in the source now."""
    sync = get_object_or_404(KNOWN.select_related("source__upload"), pk=sync_id)
    row = get_object_or_404(SyncRow.objects.filter(sync=sync), key=rejects.key_of(sync, row_word))
    may = rights(request)
    sample, problem = None, ""
    if request.method == "POST":
        if not may["sees_people"]:
            raise PermissionDenied
        found = _in_source(sync, row)
        problem = found.problem
        sample = preview.sample(sync, sync.mapping, found, 1)
    context = {
        "title": f"Row {row.number} of {sync.name}",
        "connection": sync.connection,
        "sections": sections.of(request, sync.connection, TAB),
        "sync": sync,
        "row": row,
        "told": rejects.shown(sync, row, may["sees_people"]),
        "identity": row.identity if may["sees_people"] else "",
        "run": SyncRun.objects.filter(pk=row.run, sync=sync).first(),
        "sample": sample,
        "problem": problem,
        "is_told": row.digest is not None,
        **may,
    }
    return shown(request, "sync_row", context)


def _in_source(sync: Sync, row: SyncRow) -> Preview:
    """The row by its key, read from the source's beginning; no longer than a person waits."""
    ends_at = time.monotonic() + SECONDS
    try:
        with open_table(sync.source) as table:
            places = [table.columns.index(one) for one in sync.source.key_columns]
            for item in table:
                if isinstance(item, Row) and keys.key_of(item, places, table.columns) == row.key:
                    return Preview(table.columns, (item,))
                if time.monotonic() > ends_at:
                    return Preview(problem="The row was not found in the time there is. It may stand further down.")
    except (SourceError, ValueError) as error:
        return Preview(problem=str(error) if isinstance(error, SourceError) else "The key column is gone.")
    return Preview(problem="The source has no such row any more.")


def _last_run(sync: Sync) -> SyncRun | None:
    return SyncRun.objects.filter(sync=sync, is_dry=False, read_at__isnull=False).order_by("-pk").first()
