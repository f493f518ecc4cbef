"""Rate limit of the admin's login: whoever tries one password after the other has to wait.

Wrong passwords are counted in the database, as a cache that is away or that was emptied must not let anybody guess on.
"""

from datetime import timedelta
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from referrals import tallies, throttling, visitors
from referrals.tallies import Count

WINDOW = timedelta(minutes=15)
MOST_FOR_A_NAME = 10  # wrong passwords for one user name from one neighbourhood
MOST_FOR_ALL = 50  # and for all names together
WAIT = "Too many wrong passwords came from here. Wait a quarter of an hour, and try again."


class SignInForm(AdminAuthenticationForm):
    """The admin's login form, which counts wrong passwords. Nobody can lock out somebody who logs in from elsewhere."""

    def clean(self) -> dict[str, Any]:
        """Each try counts as wrong before it is looked at, so that many at once are no more guesses than in turn."""
        if self.request is None:
            return super().clean()
        for_name, for_all = counts = _count(self.request, self.cleaned_data.get("username") or "")
        if for_name.number > MOST_FOR_A_NAME or for_all.number > MOST_FOR_ALL:
            tallies.take_back(counts)
            raise ValidationError(WAIT, code="too_many")
        cleaned = super().clean()
        tallies.take_back(counts)
        return cleaned


def _count(request: HttpRequest, name: str) -> tuple[Count, Count]:
    network = throttling.network(visitors.address(request))
    return (
        tallies.count("signing_in.name", f"{network}\n{name.casefold()}", WINDOW),
        tallies.count("signing_in.network", network, WINDOW),
    )
