"""Profiles API: look-ups with consent, a hundred people in a call, and profile upserts.

Where an answer leaves open who is meant, or a question is refused, it is put again in smaller groups: an odd person
costs only themselves. Klaviyo knows a person by up to five addresses and names the first
(https://help.klaviyo.com/hc/en-us/articles/48274807144475), so whoever is found under another name than was asked for
is asked for alone. And whoever is not found beside others is asked for once more without them: one of these may be the
same profile, which is told only once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import isqrt
from random import shuffle
from time import monotonic
from typing import Any

from integrations.errors import IntegrationError, PermanentError, TemporaryError, Throttled
from integrations.models import Delivery
from klaviyo.api import answers, consent, filters, ids, paging, values
from klaviyo.api.answers import EdgeRefused, Unreadable, words
from klaviyo.api.client import Client
from klaviyo.api.consent import Subscriptions
from klaviyo.api.operation import Operation

LOOKED_UP_AT_ONCE = 100  # a page: https://developers.klaviyo.com/en/reference/get_profiles
MOST_CALLS = 40  # that are refused, for a hundred people: more trouble than some bad addresses is not theirs
LONGEST_FILTER = 7_000  # bytes; what is on the way to Klaviyo may refuse longer addresses than 8 KB
AT_ONCE_AGAIN = 10  # of those with whom it went wrong before
LONGEST_SECONDS = 20.0  # for questions that are put again; a delivery is leased for a minute
FAILED_IN_A_ROW = 2  # questions; then Klaviyo is away

GET_PROFILES = Operation("get_profiles", "GET /api/profiles", "profiles:read", 75, 750)
GET_PROFILE = Operation("get_profile", "GET /api/profiles/{id}", "profiles:read", 75, 750)
CREATE_OR_UPDATE_PROFILE = Operation(
    "create_or_update_profile", "POST /api/profile-import", "profiles:write", 75, 750, success=(200, 201)
)
UPDATE_PROFILE = Operation("update_profile", "PATCH /api/profiles/{id}", "profiles:write", 75, 750)

Spelt = Callable[[str], Iterable[str]]  # the other spellings of an address that may be the same mailbox's
Deliveries = Sequence[Delivery]


@dataclass(frozen=True)
class Profile:
    """A person as Klaviyo knows them; `attributes` holds `subscriptions` when they were asked for.

    `found_by` is the address by which they were asked for, where it was by one.
    """

    id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    found_by: str = ""

    @property
    def address(self) -> str:
        """Their e-mail address as Klaviyo spells it; empty where it has none."""
        return words(self.attributes.get("email"))

    @property
    def email(self) -> str:
        return values.address(self.address).lower()

    @property
    def is_named_otherwise(self) -> bool:
        """Whether they were found by an address that is not their first."""
        return bool(self.found_by) and self.email != values.address(self.found_by).lower()

    @property
    def subscriptions(self) -> Subscriptions:
        """Their consent, as far as it is about the address that was asked for.

        Each address has its own, and whose is told where it is not the first is nowhere published:
        https://help.klaviyo.com/hc/en-us/articles/48274807144475
        """
        told = consent.parse(self.attributes)
        return replace(told, of_another=self.email or self.id) if self.is_named_otherwise else told


@dataclass(frozen=True)
class Person:
    """Whom is asked for: by which spellings of one address, and how Klaviyo names the profile that is theirs."""

    name: str
    spellings: tuple[str, ...]


@dataclass
class Found:
    """Profiles found, by lower-case e-mail; and people about whom nothing could be learnt, with the error."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    unclear: dict[str, IntegrationError] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """Some of many profiles, and the query of the next page; None at the end."""

    profiles: list[Profile]
    next: paging.Query | None


def find(
    client: Client,
    emails: Iterable[str],
    deliveries: Deliveries = (),
    *,
    spelt: Spelt = lambda _: (),
    careful: Iterable[str] = (),
) -> Found:
    """People with their consent, by e-mail; whoever is in neither part of what is found has no profile.

    One address that Klaviyo refuses, or answers oddly about, does not keep the others from being found; nor does one
    question that fails. The `careful` ones, with whom it went wrong before, are asked for apart, in small groups.
    Addresses are asked for in lower case, as given and as `spelt` says: whether Klaviyo tells them apart is not
    published. Raises IntegrationError where nothing could be learnt of anybody.
    """
    found, apart = Found(), {email.lower() for email in careful}
    spellings: dict[str, set[str]] = {}
    for email in emails:
        spellings.setdefault(email.lower(), {email.lower()}).update({email, *spelt(email)})
    people = {
        email: Person(values.address(email).lower(), tuple(sorted(spellings[email]))) for email in sorted(spellings)
    }
    chunks = list(_chunks([person for email, person in people.items() if email not in apart]))
    chunks += _chunks([person for email, person in people.items() if email in apart], AT_ONCE_AGAIN)
    _ask_for_all(_Search(client, found, deliveries, apart), chunks)
    return found


def find_phones(client: Client, phones: Iterable[str], deliveries: Deliveries = ()) -> set[str]:
    """Which phone numbers (E.164) belong to somebody; numbers of which that cannot be learnt count as taken."""
    taken: set[str] = set()
    for chunk in _chunks([Person(phone, (phone,)) for phone in sorted(set(phones))]):
        waiting, refusals_left = [chunk], MOST_CALLS
        while waiting:
            group = waiting.pop(0)
            asked = [person.name for person in group]
            try:
                found = _ask(client, "phone_number", asked, deliveries) if refusals_left else None
            except (PermanentError, Unreadable):
                refusals_left -= 1
                if len(group) > 1:
                    waiting += _pieces(group, isqrt(len(group)))
                    continue
                found = None
            taken.update(asked if found is None else (str(one.attributes.get("phone_number")) for one in found))
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


def _ask_for_all(search: "_Search", chunks: list[list[Person]]) -> None:
    """One question after the other; what is wrong with one is no word about the next."""
    failed = 0  # in a row
    problem: TemporaryError | None = None
    for number, chunk in enumerate(chunks):
        try:
            search.ask(chunk)
        except TemporaryError as error:
            problem, failed = error, failed + 1
            is_over = isinstance(error, Throttled) or failed == FAILED_IN_A_ROW
            search.leave([person for left in (chunks[number:] if is_over else [chunk]) for person in left], error)
            if is_over:
                break
        else:
            failed = 0
    if problem and not search.has_learnt:
        raise problem


class _Search:
    """Questions about people until it is clear who each is, or (`unclear`) they have cost enough."""

    def __init__(self, client: Client, found: Found, deliveries: Deliveries, apart: set[str]) -> None:
        self._client, self._found, self._deliveries, self._apart = client, found, deliveries, apart
        self.has_learnt = False

    def ask(self, people: list[Person]) -> None:
        """Ask for these, and again for whom that leaves open; raises the errors of the client."""
        refusals_left, ends_at = MOST_CALLS, monotonic() + LONGEST_SECONDS
        waiting = [people]
        while waiting:
            group = waiting.pop(0)
            if not refusals_left or monotonic() > ends_at:
                self.leave(group, Unreadable("people"))
                continue
            try:
                waiting += self._sort(group, self._answer(group))
                self.has_learnt = True
            except (PermanentError, EdgeRefused, Unreadable) as error:
                if isinstance(error, EdgeRefused) and self._apart.isdisjoint(person.name for person in group):
                    raise  # what is on the way to Klaviyo has bad moments; again and again it means somebody
                refusals_left -= 1
                if len(group) == 1:
                    self.leave(group, error)
                else:
                    waiting += _shuffled(group, isqrt(len(group)))

    def leave(self, people: Iterable[Person], error: IntegrationError) -> None:
        """Nothing could be learnt about these, but for those who were found before it went wrong."""
        self._found.unclear |= {one.name: error for one in people if one.name not in self._found.profiles}

    def _answer(self, group: list[Person]) -> list[Profile]:
        spellings = [spelling for person in group for spelling in person.spellings]
        return _ask(self._client, "email", spellings, self._deliveries)

    def _sort(self, group: list[Person], answer: list[Profile]) -> Iterable[list[Person]]:
        """Who is named as they were asked for is found. Gives the groups of those who must be asked for again."""
        if len(group) == 1 and answer:
            if len(answer) > 1 or not answer[0].email:
                raise Unreadable("people")
            self._found.profiles[group[0].name] = replace(answer[0], found_by=group[0].name)
            return []
        asked, names = {person.name for person in group}, [profile.email for profile in answer]
        named = {
            one.email: replace(one, found_by=one.email)
            for one in answer
            if one.email in asked and names.count(one.email) == 1
        }
        self._found.profiles |= named
        left = [person for person in group if person.name not in named]
        if left and (others := len(answer) - len(named)):
            return _shuffled(left, min(isqrt(len(left)), len(left) // (2 * others)))
        return [left] if left and named else []


def _shuffled(people: list[Person], size: int) -> Iterator[list[Person]]:
    """Smaller groups, by chance: so it is not always the same ones for whom no questions are left."""
    shuffle(people)
    return _pieces(people, size)


def _pieces(people: list[Person], size: int) -> Iterator[list[Person]]:
    for start in range(0, len(people), max(size, 1)):
        yield people[start : start + max(size, 1)]


def _chunks(people: list[Person], most: int = 0) -> Iterator[list[Person]]:
    """As many at once as one call may ask for, and the address of a request may hold."""
    most = min(most or LOOKED_UP_AT_ONCE, LOOKED_UP_AT_ONCE)
    chunk: list[Person] = []
    number = size = 0
    for person in people:
        cost = sum(filters.encoded_length(spelling) for spelling in person.spellings)
        if chunk and (number + len(person.spellings) > most or size + cost > LONGEST_FILTER):
            yield chunk
            chunk, number, size = [], 0, 0
        chunk.append(person)
        number, size = number + len(person.spellings), size + cost
    if chunk:
        yield chunk


def _ask(client: Client, field: str, asked_for: Sequence[str], deliveries: Sequence[Delivery] = ()) -> list[Profile]:
    """One question: whoever has one of these values in the field, with their consent."""
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
