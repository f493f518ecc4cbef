"""Sends page: every invite and reminder, what stands in the way of many at once, and a CSV export."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations import outbox, reasons
from integrations.models import Delivery
from integrations.outbox import retrying
from integrations.pages import audit_log, paging, safe_redirect, tabs
from integrations.pages.access import for_operators
from integrations.pages.filtering import NOBODY
from klaviyo.confirmation import in_doubt
from klaviyo.models import Send
from klaviyo.pages import causes, csv_export, person, send_summary
from klaviyo.pages.filtering import Chosen
from klaviyo.provider import KLAVIYO
from referrals.models import Invite, Program, Store

CHOICES_SHOWN = 500
TABS = (
    ("", "All"),
    ("waiting", "Waiting"),
    ("held", "Held"),
    ("skipped", "Not sent"),
    ("failed", "Failed"),
    ("delivered", "Sent"),
    ("cancelled", "Cancelled"),
)


@for_operators("klaviyo.view_send")
@require_http_methods(["GET", "POST"])
def sends(request: HttpRequest) -> HttpResponse:
    """The table. The form is a POST that leads on, so that no address book ends up in the server's log."""
    if request.method == "POST":
        return redirect(f"{reverse('klaviyo:sends')}?{_asked(request).query}")
    chosen = Chosen.read(request.GET)
    context = {
        "title": "Sends",
        "filter": chosen,
        "tabs": tabs.of(chosen, TABS, _all),
        "page": paging.of(chosen.among(send_summary.related(Send.objects.all())), request.GET, send_summary.row),
        "causes": causes.of(chosen) if chosen.state in ("", "held", "failed") and not chosen.is_wide else [],
        "blocked": causes.blocked(chosen) if chosen.state == "skipped" and not chosen.reason else [],
        "is_cut": (looked := chosen.looked) is not None and looked.is_cut,
        "stores": Store.objects.order_by("name")[:CHOICES_SHOWN],
        "programs": Program.objects.select_related("store").order_by("store__name", "name")[:CHOICES_SHOWN],
        "connections": [row for row in chosen.accounts if row.provider == KLAVIYO.slug][:CHOICES_SHOWN],
        "channels": Send.Channel.choices,
        "kinds": Send.Kind.choices,
        "reasons": reasons.titles(),
        "may_act": request.user.has_perm("integrations.retry"),
        "may_reconnect": request.user.has_perm("integrations.reconnect"),
    }
    return render(request, "klaviyo/sends.html", admin.site.each_context(request) | context)


@for_operators("klaviyo.view_send")
@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """What the filter shows, as CSV, while it is read."""
    found = Chosen.read(request.GET).among(Send.objects.all())
    audit_log.note_of_none(request, "Sends", "Exported sends, with people masked.")
    response = StreamingHttpResponse(csv_export.lines(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="sends.csv"'
    return response


@for_operators("integrations.retry")
@require_POST
def retry(request: HttpRequest) -> HttpResponse:
    """Try again: one send, or all that stand still for one cause."""
    count = _act(request, retrying.again, "Tried again")
    if count:
        messages.success(request, f"{_sends(count)} tried again now. Consent is asked anew.")
    else:
        messages.warning(request, "Nothing can go out now: the account is not connected, or nothing waits any more.")
    return _back(request)


@for_operators("integrations.retry")
@require_POST
def cancel(request: HttpRequest) -> HttpResponse:
    """Take back: one send that waits, or all that are held for one cause."""
    count = _act(request, _cancel, "Cancelled")
    messages.success(request, f"{_sends(count)} cancelled.")
    return _back(request)


def _act(request: HttpRequest, act: audit_log.Act, done: str) -> int:
    """On the send, or on all of the cause, that a button names; on nothing if it names nothing. How many."""
    if "send" in request.POST:
        known = Send.objects.select_related("delivery")
        send = known.filter(pk=paging.number(request.POST["send"]) or 0).first()
        return audit_log.one(request, send, send.delivery, act, done) if send else 0
    chosen = Chosen.read(request.POST)
    if chosen.state not in ("held", "failed"):
        return 0
    why = audit_log.cause(chosen.state, chosen.reason)
    return audit_log.many(request, chosen.deliveries(), act, f"Sends {done.lower()}", why)


def _cancel(deliveries: "QuerySet[Delivery]") -> int:
    return outbox.cancel(in_doubt.not_taken(deliveries), outbox.TAKEN_BACK)


def _back(request: HttpRequest) -> HttpResponse:
    return redirect(safe_redirect.to(request, reverse("klaviyo:sends"), "klaviyo.view_send"))


def _asked(request: HttpRequest) -> Chosen:
    """The filter that a form asks for; a person's address becomes the id of one of their sends."""
    chosen = Chosen.read(request.POST)
    email = request.POST.get("person", "").strip()
    if not email:
        return chosen.but(friend="")
    theirs = Send.objects.filter(invite__in=person.at(Invite, "recipient_email", email)).order_by("-pk").first()
    return chosen.but(friend=str(theirs.pk) if theirs else NOBODY)


def _all(chosen: Chosen) -> "QuerySet[Send]":
    return chosen.among(Send.objects.all())


def _sends(count: int) -> str:
    return "1 send is" if count == 1 else f"{count:,} sends are"
