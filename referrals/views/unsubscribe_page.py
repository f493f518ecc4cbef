"""The unsubscribe page, with two buttons, and the one-click unsubscribe of mail programs (RFC 8058)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from referrals import lifecycle, names, suppressions, unsubscribe_links
from referrals.models import OptOut
from referrals.views import public

BY_LINK = "unsubscribe link"
BY_ONE_CLICK = "one-click"

_BUTTONS = (OptOut.Scope.INVITES, OptOut.Scope.EVERYTHING)


@public.page
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Only a POST unsubscribes, as links are opened by scanners too (RFC 8058, 1); there is no rate limit."""
    invite = unsubscribe_links.invite_of(token)
    if invite is None:
        return public.nothing_here(request)
    words = {"store": invite.advocate.program.store, "mailbox": names.masked(invite.recipient_email)}
    if suppressions.is_erased(invite.recipient_email):
        return render(request, "referrals/unsubscribed.html", {"store": words["store"], "scope": "erased"})
    if request.method != "POST":
        return render(request, "referrals/unsubscribe.html", words)
    scope, place = _asked(request)
    if not scope:
        return render(request, "referrals/unsubscribe.html", words, status=400)
    lifecycle.opt_out(invite.advocate.program.store, invite.recipient_email, scope=scope, place=place)
    return render(request, "referrals/unsubscribed.html", words | {"scope": scope})


def _asked(request: HttpRequest) -> tuple[str, str]:
    """(scope, place), or ("", "") when the request does not say."""
    if request.POST.get("List-Unsubscribe", "").strip().lower() == "one-click":
        return OptOut.Scope.INVITES, BY_ONE_CLICK
    scope = request.POST.get("scope", "")
    return (scope, BY_LINK) if scope in _BUTTONS else ("", "")
