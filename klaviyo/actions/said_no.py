"""Who has said no: people who are to be subscribed, looked up first at Klaviyo and in Sorae.

Subscribing lifts an unsubscribe, a spam complaint and a suppression by hand, so it is asked before, a hundred people in
a call: https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from integrations.errors import IntegrationError, PermanentError
from klaviyo.actions import jobs, named_people
from klaviyo.actions.refusals import OfPeople
from klaviyo.actions.task import Task
from klaviyo.api import filters, profile_search, profiles, values
from klaviyo.api.answers import Unreadable, members, words
from klaviyo.api.bodies import Body
from klaviyo.api.consent import Marketing, Suppression
from klaviyo.api.profiles import Profile
from klaviyo.consent import reach
from klaviyo.consent.reach import No

if TYPE_CHECKING:
    from klaviyo.api.client import Client

UNREADABLE = No(reach.UNKNOWN, is_for_good=True)
ERASED = No(reach.ERASED, is_for_good=True)
LOOKED_UP_AT_ONCE = profiles.LOOKED_UP_AT_ONCE
ALL_CHANNELS = ("email", "sms", "sms.transactional", "whatsapp.marketing", "whatsapp.transactional")
LARGEST = 1_000_000  # bytes: no limit of its own
PLACE = "An action on the Klaviyo account"
MAILBOX = frozenset({"HARD_BOUNCE", "INVALID_EMAIL"})  # about the mailbox, and no word of a person's


@dataclass(frozen=True)
class Person:
    """Who is to be subscribed to some channels."""

    email: str = ""
    phone_number: str = ""
    id: str = ""
    channels: tuple[str, ...] = ()

    @property
    def has_mail(self) -> bool:
        return any(channel.startswith("email") for channel in self.channels)

    @property
    def names(self) -> set[str]:
        return {self.email, self.phone_number, self.id} - {""}


@dataclass
class Found:
    """Profiles by whatever they were asked for by; and of whom nothing could be learnt."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    unclear: dict[str, IntegrationError] = field(default_factory=dict)

    def of(self, person: Person) -> list[Profile]:
        return [self.profiles[name] for name in map(_plain, person.names) if name in self.profiles]

    def addresses(self, person: Person) -> set[str]:
        """Their address as it was given, and those of what was found of them."""
        return {person.email, *(profile.address for profile in self.of(person))} - {""}

    def is_unclear(self, person: Person) -> bool:
        return any(_plain(name) in self.unclear for name in person.names)


def look_up(task: Task, people: Sequence[Person]) -> Found:
    """Who they are at Klaviyo, with their consent: by each of their names. Raises IntegrationError."""
    asked = {
        "email": sorted({one.email for one in people if one.email}),
        "id": sorted({one.id for one in people if one.id}),
        "phone_number": sorted({one.phone_number for one in people if one.phone_number}),
    }
    found = Found()
    for name, wanted in asked.items():
        values_of = [one for one in wanted if name != "phone_number" or one not in _numbers_of(people, found)]
        for part in jobs.parts(values_of, LOOKED_UP_AT_ONCE, LARGEST):
            if task.is_dry:
                task.call(profiles.GET_PROFILES, query=_question(name, part))
            elif name == "email":
                _find(task, found, part)
            else:
                for one in task.doing(profiles.GET_PROFILES, partial(_having, name=name, asked=part)):
                    found.profiles[_plain(one.id if name == "id" else words(one.attributes.get(name)))] = one
    if task.is_dry:
        task.warn("consent_not_asked", "A dry run asks nobody: who has said no at Klaviyo would be left out.")
    for profile in found.profiles.values():
        task.guard.meet({"id": profile.id, "attributes": {**profile.attributes, "email": profile.address}})
    return found


def _numbers_of(people: Sequence[Person], found: Found) -> set[str]:
    """The numbers of those who were found by their ids, and have just these."""
    known = {one.id: found.profiles[_plain(one.id)] for one in people if one.id and _plain(one.id) in found.profiles}
    return {words(profile.attributes.get("phone_number")) for profile in known.values()} - {""}


def _find(task: Task, found: Found, emails: Sequence[str]) -> None:
    answer = task.doing(profiles.GET_PROFILES, partial(profile_search.find, emails=emails, spelt=reach.spellings))
    for error in answer.unclear.values():
        if not isinstance(error, PermanentError | Unreadable):
            raise error
    found.profiles |= answer.profiles
    found.unclear |= answer.unclear


def of(task: Task, people: Sequence[Person], found: Found, list_id: str | None) -> dict[int, No]:
    """Why some of the people must not be subscribed, by their place; the heaviest no of each."""
    theirs = [found.addresses(one) for one in people]
    everybody = set().union(*theirs)
    here, gone = reach.said_no(task.connection, everybody), reach.erased(everybody)
    noes: dict[int, No] = {}
    for at, one in enumerate(people):
        if theirs[at] & gone:
            noes[at] = ERASED
            continue
        said = [here[email] for email in theirs[at] if email in here]
        said += [no for profile in found.of(one) if (no := there(profile, one, list_id))]
        said += [UNREADABLE] if found.is_unclear(one) else []
        if said:
            noes[at] = next((no for no in said if no.is_for_good), said[0])
    return noes


def there(profile: Profile, person: Person, list_id: str | None) -> No | None:
    """The no that Klaviyo holds. One to e-mail counts against every channel, any other one against its own."""
    told = profile.subscriptions
    if not told.was_asked or told.of_another or told.unreadable & {"email", *person.channels}:
        return UNREADABLE
    reasons = _reasons(told.email, list_id, with_mailbox=person.has_mail) if told.email else []
    raw = members(profile.attributes.get("subscriptions"))
    ended = [channel for channel in person.channels if _consent(raw, channel) == "UNSUBSCRIBED"]
    if ended or (told.email and told.email.consent == "UNSUBSCRIBED"):
        reasons.append("UNSUBSCRIBE")
    is_silent = told.email is not None and not told.email.is_reachable and bool(profile.address) and not reasons
    if is_silent and person.has_mail:
        reasons.append("")
    return No.that(is_for_good=not reach.THEIR_OWN.issuperset(reasons)) if reasons else None


def is_subscribed(profile: Profile, person: Person) -> bool:
    """Whether Klaviyo shows them as subscribed to all that was asked for; tracking is shown elsewhere."""
    raw = members(profile.attributes.get("subscriptions"))
    asked = [channel for channel in person.channels if channel != "email.open_tracking"]
    return all(_consent(raw, channel) == "SUBSCRIBED" for channel in asked)


def refuse(task: Task, body: Any, names: Collection[str]) -> None:
    """Of a subscription: look at those of these names. Raises Refused for whoever has said no."""
    who = named_people.people_in(body)
    channels = ALL_CHANNELS
    people = [Person(email=email, channels=channels) for email in sorted(who.emails)]
    people += [Person(phone_number=number, channels=channels) for number in sorted(who.phones)]
    people += [Person(id=id, channels=channels) for id in sorted(who.profiles)]
    people = [person for person in people if not person.names.isdisjoint(names)]
    found, noes = look_up(task, people), dict[int, No]()
    for list_id in _lists_in(body) or {None}:
        for at, no in of(task, people, found, list_id).items():
            noes[at] = no if at not in noes or no.is_for_good else noes[at]
    if noes:
        worst = next((no for no in noes.values() if no.is_for_good), next(iter(noes.values())))
        objecting = set().union(*(people[at].names for at in noes))
        raise OfPeople(worst.reason.code, worst.reason.sentence, objecting)
    task.guard.may_be_subscribed |= who.names


def _lists_in(body: Any) -> set[str | None]:
    """The lists that a subscription is to; older revisions name them among the attributes."""
    match body:
        case Body():
            try:
                return _lists_in(json.loads(body.content))
            except ValueError:
                return set()
        case Mapping():
            own = [body.get("id") if body.get("type") == "list" else None, body.get("list_id")]
            return {one for one in own if isinstance(one, str) and one}.union(*map(_lists_in, body.values()))
        case list() | tuple():
            return set().union(*map(_lists_in, body))
    return set()


def _plain(name: str) -> str:
    return values.address(name).lower()


def _question(name: str, asked: Sequence[str]) -> dict[str, str]:
    return {"filter": filters.any_of(name, asked), "additional-fields[profile]": "subscriptions", "page[size]": "100"}


def _having(client: "Client", *, name: str, asked: Sequence[str]) -> list[Profile]:
    return profiles.having(client, name, asked)


def _reasons(email: Marketing, list_id: str | None, *, with_mailbox: bool) -> list[str]:
    of_lists = [one for one in email.list_suppressions if one.list_id in (list_id, "")]
    entries: list[Suppression] = [*email.suppressions, *of_lists]
    return [one.reason for one in entries if with_mailbox or one.reason not in MAILBOX]


def _consent(subscriptions: Mapping[str, Any], channel: str) -> str:
    name, _, purpose = channel.partition(".")
    return words(members(members(subscriptions.get(name)).get(purpose or "marketing")).get("consent"))
