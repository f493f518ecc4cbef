"""Samples page: one event of each metric, of a made-up story, to an address of the operator's own.

They are marked, and recorded as of the past: Klaviyo starts no flow by them, but knows the metrics then, so that flows
and segments can be built. https://developers.klaviyo.com/en/reference/bulk_create_events
"""

import uuid
from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from integrations.pauses import by_hand
from integrations.wire.deadline import Deadline
from klaviyo.actions import catalogue, checking
from klaviyo.api.client import Client
from klaviyo.consent import decision, reach
from klaviyo.mapping import events, examples
from klaviyo.mapping.catalogue import METRICS
from klaviyo.mapping.events import Event
from klaviyo.models.policies import Policy
from klaviyo.pages import action_running
from klaviyo.profiles.lookup import Lookup
from klaviyo.provider import KLAVIYO
from referrals import text

ERASED = "This person was erased at their own wish. A sample goes to an address of your own."
LONGEST_ONCE = 100
OWN = "A sample goes to an address of your own, and to nobody who said no."
SAID_NO = f"The person with this address has said no. {OWN}"
SECONDS = 20.0  # for Klaviyo to say who it is


@for_operators("klaviyo.run_action")
@never_cache
@require_http_methods(["GET", "POST"])
def samples(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Ask for the address, and send them once to whoever may hear of it."""
    connected = Connection.objects.filter(provider=KLAVIYO.slug, state=Connection.State.CONNECTED)
    connection = get_object_or_404(connected, pk=connection_id)
    if request.method == "GET":
        return _page(request, connection, {})
    typed = request.POST.get("email", "")
    if pause := by_hand.of(connection):
        problem = f"{pause.sentence} Samples can be sent once somebody has resumed the account."
        return _page(request, connection, {"typed": typed, "problem": problem}, 400)
    try:
        email = text.email(typed)
        problem = _objection(connection, email)
    except ValidationError as error:
        problem = " ".join(error.messages)
    except IntegrationError as error:
        problem = error.sentence
    if problem:
        return _page(request, connection, {"typed": typed, "problem": problem}, 400)
    action, once = catalogue.find("bulk_create_events"), request.POST.get("once", "")[:LONGEST_ONCE]
    given = checking.checked(action, {"events": [_sample(event, email, once) for event in examples.told()]})
    run, is_new = action_running.begin(action, connection, given, cast(User, request.user), form=once)
    if is_new:
        note(request, connection, "Sent a sample of each event.")
    return redirect("klaviyo:action_run", run.pk)


def _objection(connection: Connection, email: str) -> str:
    """Why no sample goes to the address, from what stands here and a fresh look at the account; empty: it may.

    Raises IntegrationError.
    """
    if reach.erased([email]):
        return ERASED
    if reach.said_no(connection, [email]):
        return SAID_NO
    lookup = Lookup(Client(connection, deadline=Deadline(SECONDS)), reach.spellings)
    lookup.ask([email])
    if problem := lookup.problem(email):
        raise problem
    found = decision.decide(lookup.subscriptions(email), Policy.NOT_OPTED_OUT)
    return "" if found.allowed else f"{found.sentence} {OWN}"


def _sample(event: Event, email: str, once: str) -> dict[str, Any]:
    """Now, as it is told; the same for a form that is sent twice."""
    attributes = events.event_body(event)[0]["data"]["attributes"]
    worth = {name: attributes[name] for name in ("value", "value_currency") if name in attributes}
    return worth | {
        "event_name": event.metric.name,
        "profile": {"email": email},
        "properties": attributes["properties"] | {"sample": True},
        "unique_id": f"sample:{once}:{event.metric.key}",
        "backfill": True,
    }


def _page(request: HttpRequest, connection: Connection, context: dict[str, Any], status: int = 200) -> HttpResponse:
    told = {
        "title": "Send samples",
        "connection": connection,
        "metrics": METRICS.values(),
        "once": request.POST.get("once") or uuid.uuid4(),
    }
    return render(request, "klaviyo/samples.html", admin.site.each_context(request) | told | context, status=status)
