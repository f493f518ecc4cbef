"""Pages of actions: all of them to find one, and the form of one, which is tried dry or run.

People are in no address: what was typed is posted, and a run is filled in again by its own id.
"""

import hashlib
import uuid
from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from integrations import outbox
from integrations.api.outcome import Problem
from integrations.models import Connection
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from integrations.pages.large_forms import takes_large_forms
from klaviyo.actions import catalogue, record
from klaviyo.actions.catalogue import NoSuchAction
from klaviyo.actions.declaration import Action
from klaviyo.actions.raw import Raw
from klaviyo.models import ActionRun
from klaviyo.pages import action_forms, action_running, action_runs, action_shelf, action_things, action_touches
from klaviyo.pages.action_fields import Field
from klaviyo.pages.action_forms import ActionForm, Typed
from klaviyo.pages.action_shelf import RAW, RUN
from klaviyo.pages.action_touches import Reading
from klaviyo.provider import KLAVIYO

REMEMBERED = 3_600  # seconds, which form was run
OURS = ("csrfmiddlewaretoken", "run", "dry", "sure", "find", "take", "back", "fragment", "anew", "on")


@for_operators(RUN, RAW)
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All actions by group, for a connection; where there is one alone, it is chosen already."""
    rows = list(_connections().exclude(state__in=Connection.ENDED).order_by("account_name", "pk"))
    asked = request.GET.get("connection", "")
    chosen = next((row for row in rows if str(row.pk) == asked), None)
    chosen = chosen or (rows[0] if len(rows) == 1 else None)
    search = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    groups = action_shelf.of(request.user, chosen, search)
    context = {
        "title": "Actions",
        "connections": rows,
        "connection": chosen,
        "search": search,
        "groups": groups,
        "count": sum(len(shown) for _, shown in groups),
        "rests": any(one.lacks and not one.never for _, shown in groups for one in shown),
    }
    return _page(request, "actions", context)


@takes_large_forms
@for_operators(RUN, RAW)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def form(request: HttpRequest, connection_id: int, name: str) -> HttpResponse:
    """The form of an action: empty, as a run was, or with what was typed; and what its buttons do."""
    try:
        action = catalogue.find(name)
    except NoSuchAction as error:
        raise Http404 from error
    if not action_shelf.may(request.user, name):
        raise PermissionDenied
    connection = get_object_or_404(_connections(), pk=connection_id)
    if request.method == "GET":
        if form := request.GET.get("form", ""):
            return _gone_back_to(request, connection, action, form)
        if sure := _run(request, request.GET.get("sure", ""), action):
            return _asked(request, connection, action, sure)
        again = _run(request, request.GET.get("again", ""), action)
        return _form(request, connection, _filled(connection, action, _typed_of(action, again, connection)))
    if tried := _run(request, request.POST.get("anew", ""), action):
        return _read_anew(connection, action, tried)
    typed: Typed = MultiValueDict({key: request.POST.getlist(key) for key in request.POST})
    if run := _run(request, request.POST.get("of", ""), action):
        typed = _typed_of(action, run, connection)
        typed["once"] = request.POST.get("once", "")
        if "on" in request.POST:
            typed["from"] = action_runs.contents(run).next
    filled = _filled(connection, action, typed, request)
    if "find" in request.POST:
        return _found(request, connection, filled)
    if "take" in request.POST:
        return _taken(request, connection, filled)
    if "back" in request.POST:
        return _form(request, connection, filled)
    return _do(request, connection, filled)


def _do(request: HttpRequest, connection: Connection, filled: ActionForm) -> HttpResponse:
    """Try it dry or run it, once it is valid and, where it asks, somebody has said that they are sure."""
    action, is_dry = filled.action, "dry" in request.POST
    _by_names(connection, filled, is_dry=is_dry)
    if not filled.is_valid() or filled.given is None:
        return _form(request, connection, filled, status=400)
    given = filled.given
    question = "" if is_dry else action.question(given)
    user = cast(User, request.user)  # signed in: `for_operators` has seen to it
    if question and request.POST.get("sure") != "yes":
        tried, _ = action_running.begin(action, connection, given, user, dry=True)
        reading = action_touches.read(connection, action, given)
        if action_runs.contents(tried).is_given_whole:  # kept, sealed, so that a browser may come back to it
            action_touches.keep(tried, reading)
            return _back_to_question(connection, action, tried)
        return _sure(request, connection, filled, question, reading)
    once = str(filled.typed.get("once", ""))[:100]
    run, is_new = action_running.begin(action, connection, given, user, form=once, dry=is_dry)
    if is_new and not is_dry and (not action.is_read or action.name == "raw_request"):
        note(request, connection, _audited(action, given, run))
    if not is_dry:
        cache.set(_form_key(user, once), str(run.pk), REMEMBERED)
    return redirect("klaviyo:action_run", run.pk)


def _asked(request: HttpRequest, connection: Connection, action: Action, tried: ActionRun) -> HttpResponse:
    """The question about what was tried dry; what has come of it, once it was answered."""
    if run := _run(request, _run_by(request, str(tried.pk)), action):
        return redirect("klaviyo:action_run", run.pk)
    typed = _typed_of(action, tried, connection)
    typed["once"] = str(tried.pk)
    filled = _filled(connection, action, typed)
    if not filled.is_valid() or filled.given is None:
        return _form(request, connection, filled)
    reading = action_touches.kept(tried, filled.given)
    return _sure(request, connection, filled, action.question(filled.given), reading, tried)


def _read_anew(connection: Connection, action: Action, tried: ActionRun) -> HttpResponse:
    """The question again, with what is so now."""
    filled = _filled(connection, action, _typed_of(action, tried, connection))
    if filled.is_valid() and filled.given is not None:
        action_touches.keep(tried, action_touches.read(connection, action, filled.given))
    return _back_to_question(connection, action, tried)


def _back_to_question(connection: Connection, action: Action, tried: ActionRun) -> HttpResponse:
    return redirect(f"{reverse('klaviyo:action', args=(connection.pk, action.name))}?sure={tried.pk}")


def _gone_back_to(request: HttpRequest, connection: Connection, action: Action, form: str) -> HttpResponse:
    """The form that a browser comes back to: as it was run, with what came of it, and still to be run once."""
    run = _run(request, _run_by(request, form), action)
    typed = _typed_of(action, run, connection)
    typed["once"] = form[:100]
    return _form(request, connection, _filled(connection, action, typed), done=run)


def _run_by(request: HttpRequest, form: str) -> str:
    return str(cache.get(_form_key(cast(User, request.user), form[:100])) or "")


def _form_key(user: User, form: str) -> str:
    digest = hashlib.sha256(form.encode("utf-8", "surrogatepass")).hexdigest()
    return f"action-form-{user.pk}-{digest}"


def _sure(
    request: HttpRequest,
    connection: Connection,
    filled: ActionForm,
    question: str,
    reading: Reading,
    tried: ActionRun | None = None,
) -> HttpResponse:
    """The second page: what it does, to what, and to how many people, as it was read; nothing is asked here."""
    kept = [(key, value) for key, values in filled.typed.lists() for value in values if key not in OURS]
    context = {
        "title": f"{filled.action.title}?",
        "action": filled.action,
        "connection": connection,
        "question": question,
        "reading": reading,
        "tried": tried,
        "kept": kept,
    }
    return _page(request, "action_sure", context)


def _found(request: HttpRequest, connection: Connection, filled: ActionForm) -> HttpResponse:
    """The account's things that a field can name; alone, where a script has asked."""
    field = _field(filled, request.POST["find"])
    filled.found = action_things.search(connection, field, str(filled.typed.get(field.name, ""))[-300:])
    if "fragment" in request.POST:
        response = render(request, "klaviyo/action_found.html", {"found": filled.found})
        response["Cache-Control"] = "no-store"
        return response
    return _form(request, connection, filled)


def _taken(request: HttpRequest, connection: Connection, filled: ActionForm) -> HttpResponse:
    """One of them was chosen: its id takes the place of what was looked for."""
    name, _, id = request.POST["take"].partition("=")
    field = _field(filled, name)
    lines = [line.strip() for line in str(filled.typed.get(field.name, "")).splitlines() if line.strip()]
    if not field.is_many:
        filled.typed[field.name] = id
    else:
        known = lines[:-1] if lines and not action_things.name_of(connection, field, lines[-1]) else lines
        filled.typed[field.name] = "\n".join(dict.fromkeys([*known, id]))
    return _form(request, connection, filled)


def _by_names(connection: Connection, filled: ActionForm, *, is_dry: bool) -> None:
    """Whoever typed a thing's name means its id. A dry run looks nothing up that can be an id."""
    if not connection.is_connected:
        return
    for field in filled.fields:
        typed = str(filled.typed.get(field.name, "") or "").strip()
        if not field.things or field.is_many or not typed:
            continue
        if id := action_things.named(connection, field, typed[:300], asks=not is_dry):
            filled.typed[field.name] = id
        elif not action_things.can_be_id(typed):
            filled.found = action_things.search(connection, field, typed[:300])
            sentence = "Nothing in the account is called just that. Choose one."
            filled.problems.append(Problem("invalid", sentence, pointer=f"/{field.name.replace('.', '/')}"))


def _form(
    request: HttpRequest,
    connection: Connection,
    filled: ActionForm,
    status: int = 200,
    *,
    done: ActionRun | None = None,
) -> HttpResponse:
    lacks = action_shelf.lacking(connection, filled.action)
    rows = _connections().exclude(state__in=Connection.ENDED).order_by("account_name", "pk")
    context = {
        "title": filled.action.title,
        "action": filled.action,
        "connection": connection,
        "others": [row for row in rows if row.pk != connection.pk],
        "form": filled,
        "done": done,
        "once": filled.typed.get("once") or uuid.uuid4(),
        "lacks": lacks,
        "never": action_shelf.never(connection, filled.action),
        "waits": "" if connection.is_connected else outbox.waiting_for(connection),
    }
    return _page(request, "action", context, status)


def _filled(connection: Connection, action: Action, typed: Typed, request: HttpRequest | None = None) -> ActionForm:
    files: Any = request.FILES if request else {}
    zone = connection.timezone or "UTC"
    return ActionForm(action, typed, files, zone, namer=lambda field, id: action_things.name_of(connection, field, id))


def _typed_of(action: Action, run: ActionRun | None, connection: Connection) -> Typed:
    """What one would type for the input of a run; without one, only what is known of itself."""
    contents = action_runs.contents(run) if run else None
    if contents and contents.is_given_whole:
        return action_forms.written(action, contents.given)
    return (
        action_forms.usual(action)
        if action.name != "get_account"
        else MultiValueDict({"account_id": [connection.account_id]})
    )


def _run(request: HttpRequest, id: str, action: Action) -> ActionRun | None:
    """The run of that id, of this action, if it is open to the user."""
    try:
        run = ActionRun.objects.filter(pk=UUID(id), action=action.name).first()
    except ValueError:
        return None
    return run if run and action_runs.is_open(run, request.user) else None


def _field(filled: ActionForm, name: str) -> Field:
    field = next((one for one in filled.fields if one.name == name and one.things), None)
    if field is None:
        raise Http404
    return field


def _audited(action: Action, given: Any, run: ActionRun) -> str:
    """What was done, by whom the log says itself, and nobody's data."""
    if isinstance(given, Raw):
        operation, _, _ = given.meant
        size = len(str(record.plain(given).get("data", "")))
        return f"Made a raw request: {operation.method}, {operation.id}, {size} characters, {run.pk}."
    return f"Ran the action {action.name}: {run.outcome or run.state}, {run.pk}."


def _connections() -> "QuerySet[Connection]":
    return Connection.objects.filter(provider=KLAVIYO.slug)


def _page(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = render(request, f"klaviyo/{name}.html", admin.site.each_context(request) | context, status=status)
    response["Cache-Control"] = "no-store"
    return response
