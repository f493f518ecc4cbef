"""Profile search: people by e-mail or phone number, a hundred in a call.

Where an answer leaves open who is meant, or a question is refused, it is put again in smaller groups: an odd person
costs only themselves. Klaviyo knows a person by up to five addresses and names the first
(https://help.klaviyo.com/hc/en-us/articles/48274807144475), so whoever is found under another name than was asked for
is asked for alone. And whoever is not found beside others is asked for once more without them: one of these may be the
same profile, which is told only once. That is done for all together, when everybody has been asked for.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isqrt
from random import shuffle
from time import monotonic

from integrations.errors import IntegrationError, PermanentError, TemporaryError, Throttled
from integrations.models import Delivery
from klaviyo.api import filters, profiles, values
from klaviyo.api.answers import EdgeRefused, Unreadable
from klaviyo.api.client import Client
from klaviyo.api.profiles import Profile

MOST_CALLS = 40  # that are refused, for a hundred people: more trouble than some bad addresses is not theirs
LONGEST_FILTER = 7_000  # bytes; what is on the way to Klaviyo may refuse longer addresses than 8 KB
AT_ONCE_AGAIN = 10  # of those with whom it went wrong before
LONGEST_SECONDS = 20.0  # for questions that are put again; a delivery is leased for a minute
FAILED_IN_A_ROW = 2  # questions; then Klaviyo is away

Spelt = Callable[[str], Iterable[str]]  # the other spellings of an address that may be the same mailbox's
Deliveries = Sequence[Delivery]


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
    search = _Search(client, found, deliveries, apart)
    waiting = [person for email, person in people.items() if email not in apart]
    careful_ones = [person for email, person in people.items() if email in apart]
    while waiting or careful_ones:
        _ask_for_all(search, [*_chunks(waiting), *_chunks(careful_ones, AT_ONCE_AGAIN)])
        waiting, careful_ones = search.once_more()
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
                found = profiles.having(client, "phone_number", asked, deliveries) if refusals_left else None
            except (PermanentError, Unreadable):
                refusals_left -= 1
                if len(group) > 1:
                    waiting += _pieces(group, isqrt(len(group)))
                    continue
                found = None
            taken.update(asked if found is None else (str(one.attributes.get("phone_number")) for one in found))
    return taken


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
                search.leave([person for group in search.once_more() for person in group], error)
                break
        else:
            failed = 0
    if problem and not search.has_learnt:
        raise problem


class _Search:
    """Questions about people until it is clear who each is, or (`unclear`) they have cost enough."""

    def __init__(self, client: Client, found: Found, deliveries: Deliveries, apart: set[str]) -> None:
        self._client, self._found, self._deliveries, self._apart = client, found, deliveries, apart
        self._not_found: list[Person] = []  # beside others
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

    def once_more(self) -> tuple[list[Person], list[Person]]:
        """Who was not found beside others, of all groups together; and those of them who are asked for apart."""
        left, self._not_found = [one for one in self._not_found if one.name not in self._found.unclear], []
        return [one for one in left if one.name not in self._apart], [one for one in left if one.name in self._apart]

    def _answer(self, group: list[Person]) -> list[Profile]:
        spellings = [spelling for person in group for spelling in person.spellings]
        return profiles.having(self._client, "email", spellings, self._deliveries)

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
        if named:
            self._not_found += left
        return []


def _shuffled(people: list[Person], size: int) -> Iterator[list[Person]]:
    """Smaller groups, by chance: so it is not always the same ones for whom no questions are left."""
    shuffle(people)
    return _pieces(people, size)


def _pieces(people: list[Person], size: int) -> Iterator[list[Person]]:
    for start in range(0, len(people), max(size, 1)):
        yield people[start : start + max(size, 1)]


def _chunks(people: list[Person], most: int = 0) -> Iterator[list[Person]]:
    """As many at once as one call may ask for, and the address of a request may hold."""
    most = min(most or profiles.LOOKED_UP_AT_ONCE, profiles.LOOKED_UP_AT_ONCE)
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
