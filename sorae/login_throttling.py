"""Rate limit of the admin's login: whoever tries one password after the other has to wait."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from referrals import throttling, visitors

WINDOW = timedelta(minutes=15)
MOST_FOR_A_NAME = 10  # wrong passwords for one user name from one neighbourhood
MOST_FOR_ALL = 50  # and for all names together
WAIT = "Too many wrong passwords came from here. Wait a quarter of an hour, and try again."


class SignInForm(AdminAuthenticationForm):
    """The admin's login form, which counts wrong passwords. Nobody can lock out somebody who logs in from elsewhere."""

    def clean(self) -> dict[str, Any]:
        counters = dict(_counters(self.request, self.cleaned_data.get("username") or "")) if self.request else {}
        if any(cache.get(key, 0) >= most for key, most in counters.items()):
            raise ValidationError(WAIT, code="too_many")
        try:
            return super().clean()
        except ValidationError:
            for key in counters:
                _count(key)
            raise


def _counters(request: HttpRequest, name: str) -> Iterator[tuple[str, int]]:
    """Where wrong passwords are counted, and how many are too many; neither says who it was or from where."""
    network = throttling.network(visitors.address(request))
    for about, most in ((f"{network}\n{name.casefold()}", MOST_FOR_A_NAME), (network, MOST_FOR_ALL)):
        yield f"sorae:signing_in:{salted_hmac('sorae.signing_in', about).hexdigest()}", most


def _count(key: str) -> None:
    if not cache.add(key, 1, WINDOW.total_seconds()):
        try:
            cache.incr(key)
        except ValueError:  # it has just run out
            cache.add(key, 1, WINDOW.total_seconds())
