"""Pages of notices: who is told when an account needs somebody, what was told, and a form for another address."""

import uuid
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations import notices
from integrations.api import idempotency
from integrations.models import NoticeAddress, NoticeDelivery
from integrations.notices import sending
from integrations.notices.kinds import TEST
from integrations.pages import paging
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from integrations.pages.notice_form import NoticeForm

MANAGE = "integrations.manage_notices"
LOOK = "integrations.view_noticeaddress"

State = NoticeDelivery.State
LEVELS = {State.WAITING: "info", State.TOLD: "good", State.FAILED: "bad"}


@dataclass(frozen=True)
class Row:
    """One notice to one address, as the list shows it."""

    delivery: NoticeDelivery
    title: str
    level: str


@for_operators(LOOK, MANAGE)
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every address, and what was told, newest first."""
    told = NoticeDelivery.objects.select_related("notice__connection", "address")
    titles = {kind.name: kind.title for kind in (*notices.all_of_them(), TEST)}
    addresses = [
        (row, [titles[name] for name in row.names if name in titles])
        for row in NoticeAddress.objects.order_by("created_at", "pk")
    ]
    context = {
        "title": "Notices",
        "addresses": addresses,
        "page": paging.of(told, request.GET, lambda one: _row(one, titles)),
    }
    return _page(request, "notices", context)


@for_operators(MANAGE)
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_variables("address")
def add(request: HttpRequest) -> HttpResponse:
    """The form; and for an endpoint its secret, on that one page and never again."""
    user = cast(User, request.user)  # signed in: `for_operators` has seen to it
    form = NoticeForm(request.POST if request.method == "POST" else None)
    if request.method == "GET" or not form.is_valid():
        return _page(request, "notice_add", {"title": "Add an address", "form": form, "once": uuid.uuid4()})
    if not idempotency.is_first(user, f"notice form {str(request.POST.get('once'))[:100]}"):
        messages.info(request, "This form was used already.")
        return redirect("integrations:notices")
    with transaction.atomic():
        address = form.made()
        address.created_by = user
        address.save()
        note(request, address, f"Added {address} to those who get notices.")
    if address.is_mailbox:
        messages.success(request, f"{address} gets notices from now on. Send a test to see that they arrive.")
        return redirect("integrations:notices")
    return _page(request, "notice_secret", {"title": "Copy the secret now", "address": address})


@for_operators(MANAGE)
@require_POST
def test(request: HttpRequest, address_id: UUID) -> HttpResponse:
    """A notice to one address, so that somebody sees it arrive."""
    address = get_object_or_404(NoticeAddress, pk=address_id)
    notices.publish_to([address], TEST, None, {"sentence": "A test. There is nothing to do."})
    note(request, address, f"Sent a test notice to {address}.")
    messages.success(request, "The test goes out within seconds. Look here whether it was taken.")
    return redirect("integrations:notices")


@for_operators(MANAGE)
@require_POST
def switch(request: HttpRequest, address_id: UUID) -> HttpResponse:
    """Switch the notices to one address off, or on again."""
    address = get_object_or_404(NoticeAddress, pk=address_id)
    is_on = request.POST.get("on") == "1"
    if NoticeAddress.objects.filter(pk=address.pk).exclude(is_on=is_on).update(is_on=is_on, off_because=""):
        note(request, address, f"Switched notices to {address} {'on' if is_on else 'off'}.")
    return redirect("integrations:notices")


@for_operators(MANAGE)
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, address_id: UUID) -> HttpResponse:
    """Take an address out, when that is confirmed; what was told to it is forgotten."""
    address = get_object_or_404(NoticeAddress, pk=address_id)
    if request.method == "GET":
        return _page(request, "notice_remove", {"title": f"Remove {address}?", "address": address})
    with transaction.atomic():
        note(request, address, f"Removed {address} from those who get notices.")
        address.delete()
    messages.success(request, f"{address} gets no more notices.")
    return redirect("integrations:notices")


@for_operators(MANAGE)
@require_POST
def send_again(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Begin anew with a notice that was given up."""
    delivery = get_object_or_404(NoticeDelivery.objects.select_related("address"), pk=notice_id)
    if sending.send_again(delivery):
        note(request, delivery.address, f"Sent a notice to {delivery.address} again.")
        messages.success(request, "It goes out again within seconds.")
    return redirect("integrations:notices")


def _row(delivery: NoticeDelivery, titles: dict[str, str]) -> Row:
    name = delivery.notice.name
    return Row(delivery, titles.get(name, name), LEVELS[State(delivery.state)])


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, f"integrations/{name}.html", admin.site.each_context(request) | context)
    response["Cache-Control"] = "no-store"
    return response
