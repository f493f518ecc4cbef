"""What all public pages share: no cookie, no cache, no referrer to the next site, and small requests only."""

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from referrals import throttling
from referrals.forms import NewsletterForm
from referrals.models import Store

View = Callable[..., HttpResponse]

MOST_BYTES = 65_536


def page(view: View) -> View:
    """A page with a form, which needs no token: nobody is logged in, so a forged request has nothing to borrow."""

    @csrf_exempt
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def answer(request: HttpRequest, **named: str) -> HttpResponse:
        if _length(request) > MOST_BYTES:
            raise RequestDataTooBig("A form for everybody was sent more than it can hold.")
        return keep_private(view(request, **named))

    return answer


def keep_private(response: HttpResponse) -> HttpResponse:
    """The address of the page is a secret of the person who has it."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def nothing_here(request: HttpRequest) -> HttpResponse:
    return render(request, "referrals/nothing_here.html", status=404)


def too_often(request: HttpRequest, form: str, store: Store) -> HttpResponse | None:
    """The answer to whoever has sent the form too often; None when this time is fine."""
    seconds = throttling.seconds_to_wait(request, form)
    if not seconds:
        return None
    words = {"store": store, "minutes": -(-seconds // 60)}
    response = render(request, "referrals/too_often.html", words, status=429)
    response["Retry-After"] = str(seconds)
    return response


def kept(form: NewsletterForm, keep: Callable[[], None]) -> bool:
    """Whether the form is right, and all of it is kept. A machine hears the same, and nothing is kept of it."""
    if form.is_from_a_machine:
        return True
    if not form.is_valid():
        return False
    keep()
    return True


def _length(request: HttpRequest) -> int:
    told = str(request.META.get("CONTENT_LENGTH") or "0")
    if not (told.isascii() and told.isdigit() and len(told) < 20):
        raise BadRequest("The length of the request is no number.")
    return int(told)
