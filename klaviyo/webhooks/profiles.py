"""Profiles of webhook notices, looked up together: by the profile's id, or by the address where no id was told."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from integrations.errors import IntegrationError, PermanentError
from integrations.models import Connection
from klaviyo.api import profile_search, profiles
from klaviyo.api.answers import Unreadable
from klaviyo.api.client import Client
from klaviyo.api.profiles import Profile
from klaviyo.models import Notice
from klaviyo.webhooks import retention
from referrals import suppressions


@dataclass
class People:
    """Profiles that the look-up found, and by the same ids and addresses the `problems` with others."""

    by_id: dict[str, Profile] = field(default_factory=dict)
    by_email: dict[str, Profile] = field(default_factory=dict)
    problems: dict[str, IntegrationError] = field(default_factory=dict)

    def about(self, notice: Notice) -> Profile | None:
        """The person of a notice; None when the account knows nobody like that. Raises IntegrationError."""
        if found := self.by_id.get(notice.profile_id) or self.by_email.get(notice.email):
            return replace(found, found_by=notice.email)
        for name in filter(None, (notice.profile_id, notice.email)):
            if error := self.problems.get(name):
                raise error
        return None


def of(connection: Connection, notices: Sequence[Notice]) -> People:
    """Ask for all of them in few calls. What goes wrong is a problem of those whom it concerns.

    A profile that was merged is no longer found by its id, but by its address.
    """
    people, client = People(), Client(connection)
    if ids := sorted({notice.profile_id for notice in notices if notice.profile_id}):
        _ask_by_id(people, client, ids)
    if emails := sorted({notice.email for notice in notices if notice.email and notice.profile_id not in people.by_id}):
        _ask_by_email(people, client, emails)
    return people


def name(notices: Sequence[Notice], people: People) -> None:
    """Put the address on those that told an id only: what was heard of a person is found by it.

    Of somebody who was erased nothing is put down, and what is there is taken away.
    """
    named = [notice for notice in notices if not notice.email and notice.profile_id in people.by_id]
    for notice in named:
        notice.email = people.by_id[notice.profile_id].email
    erased = retention.erased(notice.email for notice in notices)
    of_erased = [notice for notice in notices if notice.email in erased]
    for notice in of_erased:
        notice.email, notice.profile_id, notice.payload = "", "", {}
    Notice.objects.bulk_update([*{*named, *of_erased}], ["email", "profile_id", "payload"])


def _ask_by_id(people: People, client: Client, ids: Sequence[str]) -> None:
    try:
        people.by_id |= profiles.of_ids(client, ids)
    except (PermanentError, Unreadable):
        for id in ids:
            _ask_for_one(people, client, id)
    except IntegrationError as error:
        people.problems |= dict.fromkeys(ids, error)


def _ask_for_one(people: People, client: Client, id: str) -> None:
    """One id that the account refuses must not keep the others from being found."""
    try:
        if profile := profiles.get(client, id):
            people.by_id[id] = profile
    except IntegrationError as error:
        people.problems[id] = error


def _ask_by_email(people: People, client: Client, emails: Sequence[str]) -> None:
    try:
        found = profile_search.find(client, emails, spelt=suppressions.spellings)
    except IntegrationError as error:
        people.problems |= dict.fromkeys(emails, error)
    else:
        people.by_email |= found.profiles
        people.problems |= found.unclear
