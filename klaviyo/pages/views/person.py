"""Person page. No address of a page holds an e-mail: it is typed into a form, or stands behind an id."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from integrations.pages.access import for_operators
from klaviyo.models import Send
from klaviyo.pages import action_runs, people_found, permissions, person, person_history
from klaviyo.pages.permissions import Part
from referrals import suppressions, text
from referrals.models import Advocate


@for_operators("klaviyo.view_send", "klaviyo.erase")
@never_cache
@require_http_methods(["GET", "POST"])
def people(request: HttpRequest) -> HttpResponse:
    """A form that asks for an e-mail, or a part of it or of a name, and what is known of the person.

    To whoever may erase people but not read about them, the form is the way to erasing.
    """
    if request.method == "GET":
        return _page(request, {"title": "Find a person"})
    if not request.user.has_perm("klaviyo.view_send"):
        raise PermissionDenied
    typed = request.POST.get("email", "")
    try:
        return _record(request, text.email(typed))
    except ValidationError as error:
        found = people_found.by_part(typed, permissions.to(request.user))
        problem = "" if found else people_found.nobody(typed, " ".join(error.messages))
    status = 200 if found else 400
    return _page(request, {"title": "Find a person", "typed": typed, "found": found, "problem": problem}, status)


@for_operators("klaviyo.view_send")
@never_cache
@require_GET
def of_send(request: HttpRequest, send_id: int) -> HttpResponse:
    """The friend of a send."""
    send = get_object_or_404(Send.objects.select_related("invite"), pk=send_id)
    return _record(request, send.invite.recipient_email)


@for_operators("klaviyo.view_send")
@never_cache
@require_GET
def of_advocate(request: HttpRequest, advocate_id: int) -> HttpResponse:
    known = person.beside(advocate_id)
    if not known:
        raise Http404
    return _record(request, known[0].email, known)


def _record(request: HttpRequest, email: str, known: Sequence[Advocate] = ()) -> HttpResponse:
    if suppressions.is_erased(email):
        return _page(request, {"title": "Erased", "is_erased": True})
    open = permissions.to(request.user)
    found = person.of(email, open, known=known)
    addresses = found.addresses
    history = person_history.of(found, addresses)
    context = {
        "title": (found.name or found.email) if found.is_known else "Find a person",
        "person": found,
        "opt_ins": [(opt_in, history.steps[opt_in.uid]) for opt_in in found.opt_ins],
        "opt_outs": [(opt_out, history.steps[opt_out.uid]) for opt_out in found.opt_outs],
        "owed_noes": history.owed_noes,
        "open": {part.name.lower() for part in open},
        "deliveries": history.deliveries,
        "attempts": person_history.attempts(addresses) if Part.ATTEMPTS in open else [],
        "runs": action_runs.about(email) if Part.RUNS in open else [],
        "profiles": person_history.profiles(addresses),
        "owed": history.owed_erasures,
    }
    return _page(request, context)


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, "klaviyo/person.html", admin.site.each_context(request) | context, status=status)
