"""Editor of syncs: four steps, each kept as a draft when it is saved, with a sentence beside what is wrong."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from integrations.pages import filtering
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from klaviyo import account_lists
from klaviyo.models import Sync, SyncSource
from klaviyo.pages import list_choices
from klaviyo.pages.list_choices import KnownLists
from klaviyo.pages.syncs import cron_words, destination_form, drafts, mapping_form, preview, schedule_form, source_form
from klaviyo.pages.syncs.preview import Preview
from klaviyo.pages.syncs.rights import ADD, CHANGE, PEOPLE, RUN
from klaviyo.pages.syncs.source_form import Asked
from klaviyo.pages.views.syncs import KNOWN, connected, shown, switched, user_of
from klaviyo.syncs import schedule as due
from klaviyo.syncs.columns.mapped import columns_used
from klaviyo.syncs.run import runs
from klaviyo.syncs.run.runs import NotPossible
from klaviyo.syncs.sources import uploads
from klaviyo.syncs.sources.table import SourceError

COUNTED = "keys_of_source_{}"
WITH_LISTS = (Sync.Destination.LIST, Sync.Destination.SUBSCRIPTIONS)
Kind = SyncSource.Kind


@for_operators(ADD)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """What is read: with that a draft begins."""
    accounts = connected()
    wanted = filtering.id_in((request.POST if request.method == "POST" else request.GET).get("connection", ""))
    connection = next((one for one in accounts if str(one.pk) == wanted), accounts[0] if accounts else None)
    asked, problem = Asked.read(request.POST), ""
    if request.method == "POST" and connection is not None:
        try:
            sync = source_form.begin(asked, request.FILES.get("file"), connection, user_of(request))
        except SourceError as error:
            problem = str(error)
        else:
            note(request, connection, f"Began a draft of the sync {sync.name}.")
            _count(request, sync.source)
            return redirect("klaviyo:sync_source", sync.pk)
    context = {
        "title": "New sync",
        "connection": connection,
        "accounts": accounts,
        "steps": drafts.steps(None, drafts.SOURCE),
        "asked": asked,
        "kind": asked.kind or Kind.FILE,
        "problem": problem,
        **source_form.choices(),
    }
    return shown(request, "sync_new", context, 400 if problem else 200)


@for_operators(CHANGE)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def source(request: HttpRequest, sync_id: int) -> HttpResponse:
    """How it is read, and by which column rows are told apart."""
    row = get_object_or_404(KNOWN.select_related("source__upload"), pk=sync_id)
    problem, found = "", row.source
    if request.method == "POST":
        if why := drafts.locked(row):
            return _refused(request, row, drafts.SOURCE, why)
        try:
            return _save_source(request, row)
        except SourceError as error:
            problem = str(error)
    look = request.method == "POST" or found.kind != Kind.SQL
    seen = preview.of(found) if look and (found.upload_id or found.path or found.kind != Kind.FILE) else Preview()
    context = {
        "source": found,
        "problem": problem,
        "preview": seen,
        "counted": request.session.get(COUNTED.format(found.pk)),
        "encodings": source_form.encoding_choices(str(found.reading.get("encoding", ""))),
        "key_choices": [(one, one in found.key_columns, _at(found.key_columns, one)) for one in found.columns],
        "others": list(found.syncs.exclude(pk=row.pk).values_list("name", flat=True)),
        **source_form.choices(),
    }
    return _step(request, row, drafts.SOURCE, context, 400 if problem else 200)


@for_operators(CHANGE)
@never_cache
@require_http_methods(["GET", "POST"])
def destination(request: HttpRequest, sync_id: int) -> HttpResponse:
    """The account, and what is written there."""
    row = get_object_or_404(KNOWN, pk=sync_id)
    problems: Mapping[str, str] = {}
    known = (
        list_choices.of(row.connection) if row.destination in WITH_LISTS or request.method == "POST" else KnownLists()
    )
    if request.method == "POST":
        if why := drafts.locked(row):
            return _refused(request, row, drafts.DESTINATION, why)
        if "read" in request.POST and row.connection.is_connected:
            account_lists.ask(row.connection)
        before = row.connection_id
        problems = destination_form.read(row, request.POST, known)
        if row.connection_id != before:
            known = list_choices.of(row.connection)
        if not problems:
            _save(request, row, drafts.DESTINATION, ("connection", "destination", "mode", "mapping", "options"))
            problems = drafts.problems(row, drafts.DESTINATION)
            if not problems and "next" in request.POST:
                return redirect("klaviyo:sync_mapping", row.pk)
            if "read" in request.POST or "next" not in request.POST:
                return redirect("klaviyo:sync_destination", row.pk)
    lacking = drafts.lacking(row)
    context = {
        "groups": destination_form.groups(row),
        "accounts": list(destination_form.accounts()),
        "is_settled": drafts.is_settled(row),
        "known": known,
        "problems": problems,
        "lacking": lacking,
        "wanted_list": row.options.get("list_id") or ("make" if row.options.get("make_list") else ""),
        "is_lost": bool(
            row.options.get("list_id") and known.is_certain and known.named(row.options["list_id"]) is None
        ),
    }
    return _step(request, row, drafts.DESTINATION, context, 400 if problems else 200)


@for_operators(CHANGE)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def mapping(request: HttpRequest, sync_id: int) -> HttpResponse:
    """Who is meant, and what of each column is written where."""
    row = get_object_or_404(KNOWN.select_related("source__upload"), pk=sync_id)
    is_post = request.method == "POST"
    seen = preview.of(row.source) if is_post or row.source.kind != Kind.SQL else Preview(tuple(row.source.columns))
    problems: Mapping[str, str] = {}
    is_proposed = "fields" not in row.mapping and not is_post
    if "suggest" in request.POST or is_proposed:
        made = mapping_form.suggested(row, seen)
    else:
        made = mapping_form.read(row, request.POST) if is_post else row.mapping
    tried = Sync(destination=row.destination, mapping=made, source=row.source, zone=row.zone)
    if is_post and "suggest" not in request.POST:
        problems = drafts.problems(tried, drafts.MAPPING)
        if "save" in request.POST or "next" in request.POST:
            if why := drafts.locked(row):
                return _refused(request, row, drafts.MAPPING, why)
            row.mapping = made
            _save(request, row, drafts.MAPPING, ("mapping",))
            if not problems and "next" in request.POST:
                return redirect("klaviyo:sync_schedule", row.pk)
            if not problems:
                return redirect("klaviyo:sync_mapping", row.pk)
    elif any(one.get("form") == "ambiguous" for one in made.get("fields") or []):
        problems = drafts.problems(tried, drafts.MAPPING)
    sees_people = request.user.has_perm(PEOPLE)
    place = request.POST.get("row", "") or request.POST.get("place", "") or "1"
    sample = preview.sample(row, made, seen, int(place) if place.isdecimal() and len(place) < 6 else 1)
    context = {
        "form": mapping_form.shown(row, made, seen if sees_people else Preview(seen.columns), problems),
        "sample": sample,
        "preview": seen,
        "is_proposed": is_proposed,
        "is_wrong": bool(problems),
        "unused": [one for one in row.source.columns if one not in columns_used(made)],
        "sees_people": sees_people,
    }
    return _step(request, row, drafts.MAPPING, context, 400 if problems and "next" in request.POST else 200)


@for_operators(CHANGE)
@never_cache
@require_http_methods(["GET", "POST"])
def schedule(request: HttpRequest, sync_id: int) -> HttpResponse:
    """When it runs, and what holds it."""
    row = get_object_or_404(KNOWN, pk=sync_id)
    problems: Mapping[str, str] = {}
    if request.method == "POST":
        if why := drafts.locked(row):
            return _refused(request, row, drafts.SCHEDULE, why)
        problems = schedule_form.read(row, request.POST)
        if not problems:
            kept = ("cron", "zone", "options", "next_run_at", *(name for name, *_ in schedule_form.GUARDS))
            _save(request, row, drafts.SCHEDULE, kept)
            return _after_schedule(request, row)
    now = timezone.now()
    context = {
        "problems": problems,
        "when": "cron" if row.cron or "cron" in problems else "import" if row.options.get("after_import") else "hand",
        "cron": request.POST.get("cron", row.cron),
        "presets": cron_words.PRESETS,
        "in_words": cron_words.words(row.cron) if row.cron else "",
        "next_at": due.following(row.cron, row.zone, now),
        "unsound": [(drafts.TITLES[step], step) for step in drafts.STEPS[:3] if drafts.problems(row, step)],
        "may_run": request.user.has_perm(RUN),
    }
    return _step(request, row, drafts.SCHEDULE, context, 400 if problems else 200)


def _save_source(request: HttpRequest, row: Sync) -> HttpResponse:
    """Raises SourceError, and then nothing is saved."""
    found, asked, file = row.source, Asked.read(request.POST), request.FILES.get("file")
    before = _read_as(found)
    with transaction.atomic():
        upload = uploads.keep(file.name or "", file.chunks(), user_of(request)) if file else None
        old = found.upload if upload else None
        source_form.change(found, asked, upload)
        found.save()
        if old is not None and not old.sources.exists():
            old.delete()
    is_other = before != _read_as(found)
    if is_other or "count" in request.POST:
        _count(request, found)
    if asked.name and asked.name != row.name:
        row.name = asked.name
    _save(request, row, drafts.SOURCE, ("name",), is_changed=is_other)
    if upload is not None and row.is_on and row.options.get("after_import"):
        messages.info(request, f"{row.name} runs in a moment, with the new file.")
    is_sound = not drafts.problems(row, drafts.SOURCE)
    return redirect(
        "klaviyo:sync_destination" if is_sound and "next" in request.POST else "klaviyo:sync_source", row.pk
    )


def _read_as(found: SyncSource) -> tuple[Any, ...]:
    """What makes other rows of it."""
    return found.reading, found.query, found.database, found.ready, found.key_columns, found.upload_id


def _after_schedule(request: HttpRequest, row: Sync) -> HttpResponse:
    if not {"dry", "on"} & request.POST.keys():
        return redirect("klaviyo:sync_schedule" if "save" in request.POST else "klaviyo:sync", row.pk)
    if step := drafts.first_unsound(row):
        messages.error(request, f"The step {drafts.TITLES[step]} is not sound yet.")
        return redirect(f"klaviyo:sync_{step}", row.pk)
    if not request.user.has_perm(RUN):
        messages.error(request, "You may edit syncs, but not run them. Ask somebody who may.")
        return redirect("klaviyo:sync_schedule", row.pk)
    is_dry = "dry" in request.POST
    if not is_dry:
        switched(request, row, True)
        if row.cron:
            messages.success(request, f"{row.name} is on.")
            return redirect("klaviyo:sync", row.pk)
    try:
        run = runs.begin(row, dry=is_dry, by=user_of(request))
    except NotPossible as reason:
        messages.error(request, f"Nothing was begun. {reason}")
        return redirect("klaviyo:sync", row.pk)
    note(request, row.connection, f"Began {'a dry run' if is_dry else 'a run'} ({run.pk}) of the sync {row.name}.")
    return redirect("klaviyo:sync_run", run.pk)


def _save(request: HttpRequest, row: Sync, step: str, names: tuple[str, ...], *, is_changed: bool = True) -> None:
    """Keep a step; a sync that is not sound any more is switched off, and says so."""
    row.version += is_changed
    is_off = row.is_on and bool(drafts.first_unsound(row))
    if is_off:
        row.is_on, row.next_run_at = False, None
        messages.warning(request, f"{row.name} is off until each step is sound again.")
    row.save(update_fields=[*names, "version", "is_on", "next_run_at"])
    note(request, row.connection, f"Changed the sync {row.name}: {drafts.TITLES[step].lower()}.")


def _count(request: HttpRequest, found: SyncSource) -> None:
    """Count the keys, and keep what came of it for whoever edits."""
    try:
        told: Any = source_form.counted(found).as_json() if found.key_columns else None
    except SourceError as error:
        told = {"problem": str(error)}
    request.session[COUNTED.format(found.pk)] = told


def _refused(request: HttpRequest, row: Sync, step: str, why: str) -> HttpResponse:
    messages.error(request, f"Nothing was saved. {why}")
    return redirect(f"klaviyo:sync_{step}", row.pk)


def _at(columns: list[str], column: str) -> int:
    return columns.index(column) + 1 if column in columns else 0


def _step(request: HttpRequest, row: Sync, step: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    told = {
        "title": row.name,
        "row": row,
        "connection": row.connection,
        "steps": drafts.steps(row, step),
        "step": step,
        "locked": drafts.locked(row),
        "sees_people": request.user.has_perm(PEOPLE),
        "may_reconnect": request.user.has_perm("integrations.reconnect"),
    }
    return shown(request, f"sync_{step}", told | context, status)
