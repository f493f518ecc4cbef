"""Profiles API: look-ups with consent, a hundred people in a call, and profile upserts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from integrations.errors import IntegrationError, PermanentError, Throttled
from integrations.models import Delivery
from klaviyo.api import answers, consent, filters, ids, paging, values
from klaviyo.api.answers import Unreadable, words
from klaviyo.api.client import Client
from klaviyo.api.consent import Subscriptions
from klaviyo.api.operation import Operation

LOOKED_UP_AT_ONCE = 100  # a page: https://developers.klaviyo.com/en/reference/get_profiles
LONGEST_FILTER = 7_000  # bytes; what is on the way to Klaviyo may refuse longer addresses than 8 KB
MOST_CALLS = 40  # for a hundred people, halving included: more trouble than a bad address or two is not theirs

GET_PROFILES = Operation("get_profiles", "GET /api/profiles", "profiles:read", 75, 750)
GET_PROFILE = Operation("get_profile", "GET /api/profiles/{id}", "profiles:read", 75, 750)
CREATE_OR_UPDATE_PROFILE = Operation(
    "create_or_update_profile", "POST /api/profile-import", "profiles:write", 75, 750, success=(200, 201)
)
UPDATE_PROFILE = Operation("update_profile", "PATCH /api/profiles/{id}", "profiles:write", 75, 750)

Spelt = Callable[[str], Iterable[str]]  # the other spellings of an address that may be the same mailbox's


@dataclass(frozen=True)
class Profile:
    """A person as Klaviyo knows them; `attributes` holds `subscriptions` when they were asked for."""

    id: str
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Their e-mail address as Klaviyo spells it; empty where it has none."""
        return words(self.attributes.get("email"))

    @property
    def email(self) -> str:
        return values.address(self.address).lower()

    @property
    def subscriptions(self) -> Subscriptions:
        return consent.parse(self.attributes)


@dataclass
class Found:
    """Profiles found, by lower-case e-mail; and people about whom nothing could be learnt, with the error."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    unclear: dict[str, IntegrationError] = field(default_factory=dict)
    calls_left: int = MOST_CALLS


@dataclass(frozen=True)
class Page:
    """Some of many profiles, and the query of the next page; None at the end."""

    profiles: list[Profile]
    next: paging.Query | None


def find(
    client: Client, emails: Iterable[str], deliveries: Sequence[Delivery] = (), *, spelt: Spelt = lambda _: ()
) -> Found:
    """People with their consent, a hundred in a call. Raises TemporaryError rather than take anybody for unknown.

    One address that Klaviyo refuses, or answers oddly about, does not keep the others from being found. Addresses
    are asked for in lower case, as given and as `spelt` says: whether Klaviyo tells them apart is not published.
    """
    found = Found()
    spellings: dict[str, set[str]] = {}
    for email in emails:
        spellings.setdefault(email.lower(), {email.lower()}).update({email, *spelt(email)})
    chunks = list(_chunks([sorted(spellings[email]) for email in sorted(spellings)]))
    for number, chunk in enumerate(chunks):
        found.calls_left = MOST_CALLS
        try:
            _find_into(found, client, chunk, deliveries)
        except Throttled as error:
            if not number:
                raise
            left = [person for later in chunks[number:] for person in later]
            found.unclear |= {values.address(person[0]).lower(): error for person in left}
            break  # those who were found may go on, or many workers would each begin anew for ever
    return found


def find_phones(client: Client, phones: Iterable[str], deliveries: Sequence[Delivery] = ()) -> set[str]:
    """Which phone numbers (E.164) belong to somebody; numbers that Klaviyo refuses to look for count as taken."""
    taken: set[str] = set()
    for chunk in _chunks([[phone] for phone in sorted(set(phones))]):
        asked = [phone for [phone] in chunk]
        try:
            found = _ask(client, "phone_number", asked, deliveries)
        except PermanentError:
            taken.update(asked)
        else:
            taken.update(str(profile.attributes.get("phone_number")) for profile in found)
    return taken


def upsert(client: Client, body: dict[str, Any], deliveries: Sequence[Delivery] = ()) -> tuple[str, bool]:
    """Create or update by e-mail, with a request as `body_of` makes it: the profile's id, and whether it is new."""
    answer = client.call(CREATE_OR_UPDATE_PROFILE, body=body, deliveries=deliveries)
    # Of an update it is 200: https://developers.klaviyo.com/en/reference/create_or_update_profile
    is_new = answer.status == 201
    return str(answer.data.get("id") or "") if isinstance(answer.data, dict) else "", is_new


def update(client: Client, id: str, body: dict[str, Any], deliveries: Sequence[Delivery] = ()) -> None:
    """Update one profile by its id, with a request as `body_of` makes it."""
    client.call(UPDATE_PROFILE, path={"id": id}, body={"data": body["data"] | {"id": id}}, deliveries=deliveries)


def body_of(attributes: dict[str, Any], unset: Sequence[str] = ()) -> dict[str, Any]:
    """The request of an upsert; `unset` names custom properties to be removed, which null or "" would not do.

    https://developers.klaviyo.com/en/reference/create_or_update_profile
    """
    data: dict[str, Any] = {"type": "profile", "attributes": attributes}
    if unset:
        data["meta"] = {"patch_properties": {"unset": list(unset)}}
    return {"data": data}


def get(client: Client, id: str, deliveries: Sequence[Delivery] = ()) -> Profile | None:
    """One person with their consent, by the profile's id; None when Klaviyo has no such profile (any more)."""
    query = {"additional-fields[profile]": "subscriptions"}
    try:
        return _profile(client.call(GET_PROFILE, path={"id": ids.checked(id)}, query=query, deliveries=deliveries).data)
    except PermanentError as error:
        # 404 (seen for malformed ids as well): https://developers.klaviyo.com/en/reference/get_profile
        if not answers.is_missing(error, "profile"):
            raise
        return None


def of_ids(client: Client, wanted: Sequence[str]) -> dict[str, Profile]:
    """People with their consent, by the ids of their profiles, a hundred in a call; who is gone is missing."""
    found: dict[str, Profile] = {}
    for start in range(0, len(wanted), LOOKED_UP_AT_ONCE):
        asked = [ids.checked(id) for id in wanted[start : start + LOOKED_UP_AT_ONCE]]
        found |= {profile.id: profile for profile in _ask(client, "id", asked, ())}
    return found


def suppressed_since(client: Client, moment: datetime, goes_on: paging.Query | None = None) -> Iterator[Page]:
    """Whom the account has suppressed at `moment` or later, the earliest first, page by page; or on from a `next`."""
    when = "subscriptions.email.marketing.suppression.timestamp"
    query = goes_on or {
        "filter": f"greater-or-equal({when},{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})",
        "additional-fields[profile]": "subscriptions",
        "page[size]": str(LOOKED_UP_AT_ONCE),
        "sort": when,
    }
    for document in paging.walk(lambda query: client.call(GET_PROFILES, query=query).document, query, "people"):
        following = paging.next_query(document, "people")
        yield Page(_read_all(document["data"]), following)


def _find_into(found: Found, client: Client, people: list[list[str]], deliveries: Sequence[Delivery]) -> None:
    """Ask for people, each by one or two spellings; halve the question when it is refused or oddly answered."""
    if not found.calls_left:
        raise Unreadable("people")
    found.calls_left -= 1
    try:
        profiles = _ask(client, "email", [spelling for person in people for spelling in person], deliveries)
        found.profiles |= _by_email(people, profiles)
    except (PermanentError, Unreadable) as error:
        if len(people) == 1:
            found.unclear[values.address(people[0][0]).lower()] = error
            return
        half = len(people) // 2
        _find_into(found, client, people[:half], deliveries)
        _find_into(found, client, people[half:], deliveries)


def _by_email(people: list[list[str]], profiles: list[Profile]) -> dict[str, Profile]:
    """Asked for one person, Klaviyo may know them by another address first. Asked for many, names must match."""
    asked = {values.address(person[0]).lower() for person in people}
    # A profile may have five addresses: https://help.klaviyo.com/hc/en-us/articles/48274807144475
    if len(asked) == 1 and len(profiles) == 1:
        return {asked.pop(): profiles[0]}
    named = {profile.email: profile for profile in profiles}
    if len(named) < len(profiles) or not named.keys() <= asked:
        raise Unreadable("people")
    return named


def _ask(client: Client, field: str, asked_for: list[str], deliveries: Sequence[Delivery]) -> list[Profile]:
    query = {
        "filter": filters.any_of(field, asked_for),
        "additional-fields[profile]": "subscriptions",
        "page[size]": str(LOOKED_UP_AT_ONCE),
    }
    document = client.call(GET_PROFILES, query=query, deliveries=deliveries).document
    links = document.get("links")
    if isinstance(links, dict) and links.get("next"):
        raise Unreadable("people")
    return _read_all(document["data"])


def _read_all(data: Any) -> list[Profile]:
    if not isinstance(data, list):
        raise Unreadable("people")
    return [_profile(item) for item in data]


def _profile(item: Any) -> Profile:
    if (
        not isinstance(item, dict)
        or not isinstance(item.get("id"), str)
        or not isinstance(item.get("attributes"), dict)
    ):
        raise Unreadable("people")
    return Profile(item["id"], item["attributes"])


def _chunks(people: list[list[str]]) -> Iterator[list[list[str]]]:
    """As many at once as one call may ask for, and the address of a request may hold."""
    chunk: list[list[str]] = []
    number = size = 0
    for spellings in people:
        cost = sum(filters.encoded_length(spelling) for spelling in spellings)
        if chunk and (number + len(spellings) > LOOKED_UP_AT_ONCE or size + cost > LONGEST_FILTER):
            yield chunk
            chunk, number, size = [], 0, 0
        chunk.append(spellings)
        number, size = number + len(spellings), size + cost
    if chunk:
        yield chunk
