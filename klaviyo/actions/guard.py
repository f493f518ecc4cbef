"""Guard of a run: nobody who was erased is made known again, and an account hears a no before it can reach the person.

Each request that changes something is looked at, whatever action makes it: so none can forget it. An action that is
declared to reach people is looked at before its first request as well, and goes on without those who are refused.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from pydantic import BaseModel

from integrations.api.outcome import Problem
from integrations.errors import PermanentError, TemporaryError
from integrations.models import Connection
from klaviyo.actions.addresses import within
from klaviyo.actions.refusals import Refused
from klaviyo.api import answers, filters, subscriptions, values
from klaviyo.api.answers import members, words
from klaviyo.api.bodies import Body
from klaviyo.api.operation import Operation
from klaviyo.consent import reach
from klaviyo.consent.reach import Owed

if TYPE_CHECKING:
    from klaviyo.actions.inputs import Inputs
    from klaviyo.actions.task import Task

#: What makes nobody reachable, whomever it names.
LESSENING = frozenset(
    {
        "bulk_unsubscribe_profiles",
        "bulk_suppress_profiles",
        "remove_profiles_from_list",
        "request_profile_deletion",
        "delete_push_token",
        "unregister_client_push_token",
    }
)
LIFTS_OF_ALL = "bulk_unsuppress_profiles"
SUBSCRIBES = frozenset({"bulk_subscribe_profiles", "create_client_subscription"})
CREATES = "create_profile"
MANY = ("profiles", "events", "emails")  # inputs that name a person each
_SAYS_NOT_WHO = frozenset({"properties", "meta", "append", "unappend"})
_OF_PROFILES = ("profile", "profile-merge")
FIRST = "Their no is told to the account first."


@dataclass(frozen=True)
class People:
    """Who is named somewhere: by address, by number, and by the profile's id."""

    emails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()


@dataclass
class Guard:
    """What is known of the people of one run."""

    connection: Connection
    is_dry: bool = False
    may_be_subscribed: set[str] = field(default_factory=set)  # addresses, numbers and ids that were looked at
    made: set[str] = field(default_factory=set)  # whom Klaviyo may know because it was told of their no
    _cleared: set[str] = field(default_factory=set)
    _met: dict[str, str] = field(default_factory=dict)

    def first(self, task: "Task", given: "Inputs") -> "Inputs":
        """The input without those who are refused, each with a warning. Raises Refused when nobody is left."""
        changed: dict[str, list[Any]] = {}
        for name in [name for name in MANY if isinstance(getattr(given, name, None), list)]:
            items = getattr(given, name)
            gone = reach.erased(self._emails(people_in({name: items})))
            refused = (
                {at for at, item in enumerate(items) if gone & self._emails(people_in({name: [item]}))} if gone else ()
            )
            if refused and len(refused) == len(items):
                raise Refused(reach.ERASED.code, reach.ERASED.sentence, pointer=f"/{name}")
            for at in sorted(refused):
                task.warnings.append(Problem(reach.ERASED.code, reach.ERASED.sentence, pointer=f"/{name}/{at}"))
            if refused:
                changed[name] = [item for at, item in enumerate(items) if at not in refused]
        rest = {name: getattr(given, name) for name in type(given).model_fields if name not in MANY}
        self._refuse_erased(self._emails(people_in(rest)))
        return given.model_copy(update=changed) if changed else given

    def meet(self, profile: Any) -> None:
        """Klaviyo has told whose profile it is."""
        told = members(profile)
        if email := words(members(told.get("attributes")).get("email")):
            self._met[words(told.get("id"))] = email

    def before(self, task: "Task", operation: Operation, body: Any) -> None:
        """Before a request that may reach people: raises Refused, or tells the account of their noes."""
        if operation.method == "GET" or operation.id in LESSENING:
            return
        who = people_in(body)
        emails = self._emails(who)
        if operation.id == LIFTS_OF_ALL and not who.emails:
            emails |= self._everybody()
        fresh = emails - self._cleared
        self._refuse_erased(fresh)
        self.bring(task, fresh, creates=operation.id == CREATES)
        if (
            operation.id in SUBSCRIBES
            and not self.is_dry
            and not self.may_be_subscribed >= who.emails | who.phones | who.profiles
        ):
            refuse_who_said_no(task, body)

    def bring(self, task: "Task", emails: set[str], *, creates: bool = False) -> None:
        """Tell the account of what these people have said no to, and it has yet to hear. Raises IntegrationError."""
        found = reach.standing(self.connection, emails)
        self._cleared |= emails
        if not found:
            return
        waiting = [one for one in found if one.said]
        if waiting:
            task.warn(reach.NO_FIRST.code, FIRST, people=len(waiting))
        if self.is_dry:
            return
        reach.will_tell(self.connection, [no for one in found for no in (*one.said, *one.heard)])
        if creates and waiting:
            self.made |= {one.email for one in waiting} - self._known(task, [one.email for one in waiting])
        try:
            for one in waiting:
                self._tell(task, one)
        except PermanentError as error:
            sentence = f"{reach.NO_FIRST.sentence} That was refused: {error.sentence}"
            raise Refused(reach.NO_FIRST.code, sentence) from error

    def _tell(self, task: "Task", one: Owed) -> None:
        """Their no itself: to everything, or off the lists that it is about and they are on."""
        if one.is_everything:
            task.call(subscriptions.BULK_UNSUBSCRIBE_PROFILES, body=ends([of_mail(one.email)], None))
            return
        for list_id in one.list_ids:
            if self._known(task, [one.email], list_id):
                task.call(subscriptions.BULK_UNSUBSCRIBE_PROFILES, body=ends([of_mail(one.email)], list_id))

    def _known(self, task: "Task", emails: list[str], list_id: str = "") -> set[str]:
        """Whom of these the account knows, or a list has on it."""
        query = {"filter": filters.any_of("email", sorted({*emails, *map(str.lower, emails)})), "page[size]": "100"}
        operation, path = ("get_profiles_for_list", {"id": list_id}) if list_id else ("get_profiles", None)
        found = task.call(operation, path=path, query=query).data
        if not isinstance(found, list):
            raise answers.Unreadable("people")
        there = {values.address(words(members(members(one).get("attributes")).get("email"))).lower() for one in found}
        return {email for email in emails if values.address(email).lower() in there}

    def _everybody(self) -> set[str]:
        waiting = reach.owed_by_anybody(self.connection)
        if waiting is None:
            raise TemporaryError(
                reach.NO_FIRST.saying("Many noes are on their way to the account. Try it again later.")
            )
        return set(waiting)

    def _emails(self, who: People) -> set[str]:
        """Their addresses, as far as they are known without asking."""
        if unmet := who.profiles - self._met.keys():
            self._met |= dict.fromkeys(unmet, "") | reach.named_by(self.connection, unmet)
        return set(who.emails) | {self._met[id] for id in who.profiles if self._met[id]}

    def _refuse_erased(self, emails: set[str]) -> None:
        if emails and reach.erased(emails):
            raise Refused(reach.ERASED.code, reach.ERASED.sentence)


def people_in(value: Any) -> People:
    """Who is named in an input, or in the body of a request; not who is only told of in properties."""
    found: dict[str, set[str]] = {"email": set(), "phone_number": set(), "id": set()}
    for what, name in _named(value):
        found[what].add(name)
    return People(frozenset(found["email"]), frozenset(found["phone_number"]), frozenset(found["id"]))


def ends(people: list[dict[str, Any]], list_id: str | None) -> dict[str, Any]:
    """The body of an unsubscribe, of a list or of everything."""
    data: dict[str, Any] = {
        "type": "profile-subscription-bulk-delete-job",
        "attributes": {"profiles": {"data": [{"type": "profile", "attributes": one} for one in people]}},
    }
    if list_id:
        data["relationships"] = {"list": {"data": {"type": "list", "id": list_id}}}
    return {"data": data}


def of_mail(email: str) -> dict[str, Any]:
    return {"email": email, "subscriptions": {"email": {"marketing": {"consent": "UNSUBSCRIBED"}}}}


def refuse_who_said_no(task: "Task", body: Any) -> None:
    """Of a subscription that no action has looked at. Raises Refused."""
    from klaviyo.actions import said_no  # which looks people up by the task's own requests

    said_no.refuse(task, body)


def _named(value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case Body():
            yield from _in_bytes(value)
        case BaseModel():
            yield from _named({name: getattr(value, name) for name in type(value).model_fields})
        case Mapping():
            if value.get("type") in _OF_PROFILES and isinstance(value.get("id"), str):
                yield "id", value["id"]
            for name, inner in value.items():
                if name not in _SAYS_NOT_WHO:
                    yield from _under(name, inner)
        case list() | tuple():
            for inner in value:
                yield from _named(inner)


def _in_bytes(body: Body) -> Iterator[tuple[str, str]]:
    """Of a body that somebody has written as text: JSON as any other, else whatever looks like an address."""
    try:
        yield from _named(json.loads(body.content))
    except ValueError:
        text = unquote_plus(body.content.decode("utf-8", "replace"))
        yield from (("email", found) for found in within(text, is_form=True))


def _under(name: Any, inner: Any) -> Iterator[tuple[str, str]]:
    if name in ("email", "phone_number") and isinstance(inner, str) and inner:
        yield str(name), inner
    elif name in ("klaviyo_id", "from_id") and isinstance(inner, str):
        yield "id", inner
    elif name == "emails" and isinstance(inner, list | tuple):
        yield from (("email", one) for one in inner if isinstance(one, str))
    else:
        yield from _named(inner)
