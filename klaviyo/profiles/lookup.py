"""Profile look-up at one account: people and their consent, asked together, with the age of the answer."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils import timezone

from integrations.errors import IntegrationError
from integrations.models import Delivery
from klaviyo.api import profile_search
from klaviyo.api.client import Client
from klaviyo.api.consent import Subscriptions
from klaviyo.api.profile_search import Spelt
from klaviyo.api.profiles import Profile


class Lookup:
    """One account's answers about people, by address whatever its case."""

    def __init__(self, client: Client, spelt: Spelt) -> None:
        self._client, self._spelt = client, spelt
        self._profiles: dict[str, Profile] = {}
        self._unclear: dict[str, IntegrationError] = {}
        self._asked_at: dict[str, datetime] = {}

    def ask(self, emails: Iterable[str], deliveries: Sequence[Delivery] = (), *, careful: Iterable[str] = ()) -> None:
        """Ask about people, a hundred in a call; what was known of them is forgotten. Raises IntegrationError.

        `careful`: those of them with whom it went wrong before.
        """
        wanted = set(emails)
        asked_at = timezone.now()  # before the question: an answer is never younger than it seems
        found = profile_search.find(self._client, wanted, deliveries, spelt=self._spelt, careful=careful)
        for email in {email.lower() for email in wanted}:
            self._asked_at[email] = asked_at
            self._profiles.pop(email, None)
            self._unclear.pop(email, None)
        self._profiles |= found.profiles
        self._unclear |= found.unclear

    def profile(self, email: str) -> Profile | None:
        """The person, or None when the account has never seen them (or was not asked)."""
        return self._profiles.get(email.lower())

    def subscriptions(self, email: str) -> Subscriptions | None:
        """Their consent; None when the account has never seen them."""
        profile = self.profile(email)
        return profile.subscriptions if profile else None

    def problem(self, email: str) -> IntegrationError | None:
        """Why nothing could be learnt about the person, if so: then they are neither known nor unknown."""
        return self._unclear.get(email.lower())

    def asked_at(self, email: str) -> datetime | None:
        """When the account was asked about the person; None when it was not."""
        return self._asked_at.get(email.lower())
