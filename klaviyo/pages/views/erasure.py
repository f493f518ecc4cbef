"""Erasure pages: what it would do, a confirmation by typing the address again, and the receipt."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations.models import Delivery
from integrations.pages import audit_log, paging
from integrations.pages.access import for_operators
from klaviyo.delivery.erasure import erase as erasing
from klaviyo.delivery.erasure import further_address
from klaviyo.mapping import contents
from klaviyo.models import Erasure
from klaviyo.pages import person, receipts
from referrals import person_key, text

LONGEST_ID = 19  # digits: what follows is no bigint
ANSWERS = {
    "delete": (further_address.delete_all, "The whole profile is deleted at Klaviyo"),
    "by_hand": (further_address.done_by_hand, "Noted: the address was taken off the profile by hand"),
}


@for_operators("klaviyo.erase")
@never_cache
@require_POST
def erase(request: HttpRequest) -> HttpResponse:
    """First what it would do; then, with the same address typed once more, do it."""
    try:
        email = text.email(request.POST.get("email", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("klaviyo:people")
    if "again" not in request.POST:
        return _ask(request, email, "")
    if person_key.mailbox(request.POST["again"].strip()) != person_key.mailbox(email):
        return _ask(request, email, "That is another address. Nothing was erased.")
    erasure = erasing.erase(email, cast(AbstractBaseUser, request.user))
    audit_log.note(request, erasure, "Erased a person, whom the receipt does not name.")
    messages.success(request, "The person is erased here. Each account is asked to do the same.")
    return redirect("klaviyo:erasure", erasure.uid)


@for_operators("klaviyo.erase")
@require_GET
def erasures(request: HttpRequest) -> HttpResponse:
    """The receipts, newest first."""
    rows = Erasure.objects.select_related("requested_by")
    page = paging.of(rows, request.GET, lambda row: row)
    return _page(request, "erasures", {"title": "Erasures", "page": page, "receipts": receipts.of_all(page.rows)})


@for_operators("klaviyo.erase")
@require_http_methods(["GET", "POST"])
def erasure(request: HttpRequest, uid: Any) -> HttpResponse:
    """One receipt: what was removed, and how far each account is. It names nobody.

    Where the address is a further one of a profile, it is answered here what is to become of that.
    """
    row = get_object_or_404(Erasure.objects.select_related("requested_by"), uid=uid)
    if request.method == "POST":
        return _answer(request, row)
    return _page(request, "receipt", {"title": "Erasure receipt", "receipt": receipts.of(row)})


def _answer(request: HttpRequest, erasure: Erasure) -> HttpResponse:
    asked = request.POST.get("delivery", "")
    mine = Delivery.objects.filter(source=str(erasure.uid), kind=contents.Erase.kind)
    row = mine.filter(pk=asked).first() if asked.isascii() and asked.isdigit() and len(asked) < LONGEST_ID else None
    act, done = ANSWERS.get(request.POST.get("answer", ""), (None, ""))
    if row and act and audit_log.one(request, row, row, act, done):
        messages.success(request, f"{done}.")
    else:
        messages.warning(request, "Nothing was changed: that is not asked any more.")
    return redirect("klaviyo:erasure", erasure.uid)


def _ask(request: HttpRequest, email: str, problem: str) -> HttpResponse:
    context = {
        "title": "Erase this person?",
        "email": email,
        "problem": problem,
        "counts": [(words, count) for words, count in person.counts(email) if count],
        "accounts": receipts.accounts(),
    }
    return _page(request, "erase", context, status=400 if problem else 200)


def _page(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, f"klaviyo/{name}.html", admin.site.each_context(request) | context, status=status)
