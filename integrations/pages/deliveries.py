"""Pages of deliveries: a table to search, each delivery's own page, and retry."""

from dataclasses import dataclass

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations import reasons
from integrations.models import Connection, Delivery
from integrations.outbox import retention, retrying
from integrations.pages import (
    audit_log,
    explanations,
    filtering,
    incidents,
    paging,
    remedies,
    safe_redirect,
    search_range,
    story,
    tabs,
)
from integrations.pages.access import for_operators
from integrations.pages.filtering import Filter
from integrations.pauses import by_hand

TABS = (
    ("", "All"),
    ("waiting", "Waiting"),
    ("held", "Held"),
    ("failed", "Failed"),
    ("skipped", story.STATES[Delivery.State.SKIPPED]),
    ("accepted", "Accepted"),
    ("confirmed", "Confirmed"),
    ("cancelled", "Cancelled"),
)
MORE_TABS = {"delivered": "Delivered", "open": "All that waits", "queued": "Queued", "sending": "Sending"}
RETRIABLE = (Delivery.State.FAILED, Delivery.State.SKIPPED, Delivery.State.HELD, Delivery.State.QUEUED)
ATTEMPTS_SHOWN = 100


@dataclass(frozen=True)
class Row:
    """A delivery as the table shows it."""

    delivery: Delivery
    what: str
    state: str
    level: str


@for_operators("integrations.view_delivery")
@require_http_methods(["GET", "POST"])
def deliveries(request: HttpRequest) -> HttpResponse:
    """The table. The form is a POST that leads on, so that no address book ends up in the server's log."""
    if request.method == "POST":
        return redirect(f"{reverse('integrations:deliveries')}?{_asked(request).query}")
    chosen = Filter.read(request.GET)
    looked = search_range.of(chosen)
    found = chosen.apply(looked.apply(Delivery.objects.all()) if looked else Delivery.objects.all())
    standing = chosen.state in ("failed", "held")
    context = {
        "title": "Deliveries",
        "filter": chosen,
        "tabs": _tabs(chosen),
        "is_cut": looked is not None and looked.is_cut,
        "page": paging.of(found.select_related("connection"), request.GET, _row),
        "incidents": incidents.of(found) if standing else [],
        "connections": chosen.accounts,
        "kinds": _kinds(chosen),
        "can_retry": standing and request.user.has_perm("integrations.retry"),
        "narrow": f"&connection={chosen.connection}" if chosen.connection else "",
    }
    return render(request, "integrations/deliveries.html", admin.site.each_context(request) | context)


@for_operators("integrations.view_delivery")
@require_GET
def delivery(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """One delivery's story."""
    row = get_object_or_404(Delivery.objects.select_related("connection"), pk=delivery_id)
    attempts = list(row.attempts.order_by("-started_at", "-pk")[:ATTEMPTS_SHOWN])[::-1]
    context = {
        "title": story.what(row),
        "delivery": row,
        "state": story.state(row),
        "level": story.level(row),
        "reason": explanations.of(row),
        "story": story.of(row, attempts),
        "decision": story.decision(row.evidence),
        "body": story.pretty(row.body),
        "no_body": explanations.of_no_body(row),
        "remedy": "" if retention.is_forgotten(row) else remedies.of(row.connection, row.state, row.reason_code),
    }
    return render(request, "integrations/delivery.html", admin.site.each_context(request) | context)


@for_operators("integrations.retry")
@require_POST
def retry(request: HttpRequest) -> HttpResponse:
    """Try again: the chosen ones, or all that failed or are held and that the filter shows."""
    if request.POST.get("all"):
        chosen = Filter.read(request.POST)
        chosen = chosen if chosen.state in ("failed", "held") else chosen.but(state="failed")
        rows = chosen.apply(Delivery.objects.all())
        why = audit_log.cause(chosen.state, chosen.reason)
    else:
        why, rows = "", Delivery.objects.filter(pk__in=_chosen_one_by_one(request))
    away = rows.filter(state__in=RETRIABLE).exclude(connection__state=Connection.State.CONNECTED).count()
    paused = rows.filter(by_hand.there("connection"), state__in=RETRIABLE).count()
    if why:
        count = audit_log.many(request, rows, retrying.again, "Deliveries tried again", why)
    else:
        count = _retry_chosen(request, rows)
    if count:
        messages.success(request, f"{count:,} deliver{'y goes' if count == 1 else 'ies go'} out again now.")
    if away:
        waits = "1 delivery stays" if away == 1 else f"{away:,} deliveries stay"
        messages.warning(request, f"{waits} as before: the account is not connected. Reconnect it first.")
    if paused:
        messages.warning(request, "The account is paused: it goes once somebody resumes it, on the account's page.")
    return redirect(safe_redirect.to(request, reverse("integrations:deliveries"), "integrations.view_delivery"))


def _chosen_one_by_one(request: HttpRequest) -> set[str]:
    return {pk for pk in request.POST.getlist("delivery")[:1000] if filtering.id_in(pk)}


def _retry_chosen(request: HttpRequest, rows: "QuerySet[Delivery]") -> int:
    """One is noted on itself, several on their connections."""
    row = rows.first() if len(_chosen_one_by_one(request)) == 1 else None
    if forgotten := rows.count() - retention.sendable(rows).count():
        sentence = "What was to be sent is no longer kept, so {} cannot be sent again. Send the fact itself again."
        messages.warning(request, sentence.format("it" if row else f"{forgotten} of them"))
    if never := list(retrying.for_good(rows).values_list("reason_code", flat=True)):
        stays = "It stays" if row else f"{len(never):,} of them stay"
        messages.warning(request, f"{stays} as not sent. {reasons.of(never[0]).means}")
    if row is None:
        return audit_log.many(request, rows, retrying.again, "Deliveries tried again", "chosen one by one")
    return audit_log.one(request, row, row, retrying.again, "Tried again")


def _asked(request: HttpRequest) -> Filter:
    """The filter that a form asks for; a person's address becomes the id of one of their deliveries."""
    email = request.POST.get("person", "").replace("\x00", "").strip()[:254]
    return Filter.read(request.POST).but(of=filtering.about(email) if email else "")


def _row(delivery: Delivery) -> Row:
    return Row(delivery, story.what(delivery), story.state(delivery), story.level(delivery))


def _tabs(chosen: Filter) -> list[tabs.Tab]:
    shown = dict(TABS)
    if chosen.state not in shown:
        shown[chosen.state] = MORE_TABS[chosen.state]
    return tabs.of(chosen, list(shown.items()), _all)


def _all(chosen: Filter) -> "QuerySet[Delivery]":
    return chosen.apply(Delivery.objects.all())


def _kinds(chosen: Filter) -> list[tuple[str, str]]:
    """What has been told lately, for the choice of a filter; never a walk over the whole record."""
    recent = Delivery.objects.order_by("-pk").values_list("kind", "options__metric")[:2000]
    keys = {f":{metric}" if metric else kind for kind, metric in recent} | ({chosen.what} - {""})
    named = {story.words(key.partition(":")[2] or key): key for key in sorted(keys, key=lambda key: key == chosen.what)}
    return sorted((key, words) for words, key in named.items())
