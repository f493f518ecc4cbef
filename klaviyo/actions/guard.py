"""Guard of a run: nobody who was erased is made known again, and an account hears a no before it can reach the person.

Each request that changes something is looked at, whatever action makes it: so none can forget it. An action that is
declared to reach people is looked at before its first request as well, and goes on without those who are refused.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from integrations.api.outcome import Problem
from integrations.errors import PermanentError, TemporaryError
from integrations.models import Connection
from integrations.outcomes import CalledOff, Skipped
from klaviyo.actions.named_people import People, people_in
from klaviyo.actions.refusals import OfPeople, Refused
from klaviyo.api import answers, bodies, filters, subscriptions, values
from klaviyo.api.answers import members, words
from klaviyo.api.bodies import Body
from klaviyo.api.named import MANY
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
#: Of these, what may make a profile of whom Klaviyo does not know: https://developers.klaviyo.com/en/reference/suppress_profiles
MAKING = frozenset({"bulk_unsubscribe_profiles", "bulk_suppress_profiles"})
LIFTS = "bulk_unsuppress_profiles"
SUBSCRIBES = frozenset({"bulk_subscribe_profiles", "create_client_subscription"})
CREATES = "create_profile"
RENAMES = "update_profile"
UNPUBLISHED = "raw_request"  # of a path that no operation has
SENDS = "send_campaign"  # to whomever its audience is
SWITCHES = ("create_flow", "update_flow")  # and whatever of a flow can be switched
ON_THE_WIRE = timedelta(seconds=30)  # by then Klaviyo shows what it was asked
IN_A_JOB = timedelta(minutes=10)
#: Klaviyo has no operation that tells whose conversation it is: https://developers.klaviyo.com/en/reference/create_conversation_message
WRITES_TO = "conversation-messages"
FIRST = "Their no is told to the account first."
HIDDEN = "Somebody is named by what nobody can be looked up by. Give their email, phone_number, external_id or id."


@dataclass
class Guard:
    """What is known of the people of one run."""

    connection: Connection
    is_dry: bool = False
    may_be_subscribed: set[str] = field(default_factory=set)  # addresses, numbers and ids that were looked at
    made: set[str] = field(default_factory=set)  # whom Klaviyo may know because it was told of their no
    _brought: set[int] = field(default_factory=set)  # noes that were looked at
    _accepted: dict[str, bool] = field(default_factory=dict)  # whose yes stands against what was known of them
    _met: dict[tuple[str, str], str] = field(default_factory=dict)  # addresses by a name of another kind
    _places: dict[str, list[int]] = field(default_factory=dict)  # where those who are left stood in the input
    _count: dict[str, int] = field(default_factory=dict)
    _gone: dict[str, set[int]] = field(default_factory=dict)  # places of the input that are empty
    _looked_up: set[tuple[str, str]] = field(default_factory=set)
    _learnt: set[str] = field(default_factory=set)  # whom the run's record names already

    def leave_out(self, task: "Task", gone: Mapping[str, Sequence[int]]) -> None:
        """The input has lost some people, who were erased while it waited: at these places."""
        for name, places in gone.items():
            self._count[name] = len(places)
            self._gone[name] = set(places)
            problem = Problem(reach.ERASED.code, reach.ERASED.sentence)
            task.warnings.extend(replace(problem, pointer=f"/{name}/{at}") for at in places)

    @property
    def learnt(self) -> set[str]:
        """The addresses of those whom the run knows by another name."""
        return set(self._met.values()) - {""}

    def new_ones(self) -> set[str]:
        """Those of them whom it has not told of yet."""
        new = self.learnt - self._learnt
        self._learnt |= new
        return new

    def first(self, task: "Task", given: "Inputs") -> "Inputs":
        """The input without those who are refused, each with a warning. Raises Refused when nobody is left."""
        changed: dict[str, list[Any]] = {}
        for name in [name for name in MANY if isinstance(getattr(given, name, None), list)]:
            items = getattr(given, name)
            self._look_up(task, people_in({name: items}))
            gone = reach.erased(self._emails(people_in({name: items})))
            refused = (
                {at for at, item in enumerate(items) if gone & self._emails(people_in({name: [item]}))} if gone else ()
            )
            if refused and len(refused) == len(items):
                raise Refused(reach.ERASED.code, reach.ERASED.sentence, pointer=f"/{name}")
            for at in sorted(refused):
                pointer = f"/{name}/{self.place(name, at)}"
                task.warnings.append(Problem(reach.ERASED.code, reach.ERASED.sentence, pointer=pointer))
            if refused:
                changed[name] = [item for at, item in enumerate(items) if at not in refused]
                self.leave(name, set(refused), len(items))
        rest = {name: getattr(given, name) for name in type(given).model_fields if name not in MANY}
        self._refuse_erased(self._emails(people_in(rest)))
        return given.model_copy(update=changed) if changed else given

    def leave(self, name: str, gone: Collection[int], of: int) -> None:
        """Some people of the input, by their places now, do not go with the others."""
        self._places[name] = [self.place(name, at) for at in range(of) if at not in gone]
        self._count[name] = self.left_out(name) + len(gone)

    def place(self, name: str, at: int) -> int:
        """Where somebody stood in the input who is now at that place."""
        if name in self._places:
            return self._places[name][at]
        for gone in sorted(self._gone.get(name, ())):
            at += gone <= at
        return at

    def left_out(self, name: str) -> int:
        """How many of the input were refused at first."""
        return self._count.get(name, 0)

    def meet(self, profile: Any) -> None:
        """Klaviyo has told whose profile it is."""
        told, attributes = members(profile), members(members(profile).get("attributes"))
        names = {"id": told.get("id"), **{name: attributes.get(name) for name in ("phone_number", "external_id")}}
        if email := words(attributes.get("email")):
            self._met |= {(kind, words(name)): email for kind, name in names.items() if words(name)}

    def names_of(self, value: Any) -> set[str]:
        """All names of who is named there, and the addresses that are known by them."""
        who = people_in(value)
        return self._emails(who) | who.phones | who.profiles | {name for _, name in who.unnamed}

    def before(self, task: "Task", operation: Operation, body: Any) -> None:
        """Before a request that may reach people: raises Refused, or tells the account of their noes."""
        if operation.id in MAKING:
            self._refuse_erased(self._emails(people_in(body)))
        if operation.method == "GET" or operation.id in LESSENING:
            return
        if WRITES_TO in operation.path.lower() and reach.has_anybody_objected(self.connection):
            raise Refused(reach.WHOSE_CONVERSATION.code, reach.WHOSE_CONVERSATION.sentence)
        who = people_in(body)
        self._refuse_hidden(operation, who)
        self._look_up(task, who)
        emails = self._whom(operation, body, who)
        self._refuse_erased(emails)
        self._refuse_copies(who.copied | self._copied_by(task, operation, body))
        if _lifts(operation):
            self._refuse_lifting(body, who)
        renames = operation.id == RENAMES and bool(who.emails)
        self.bring(task, emails, creates=operation.id == CREATES, renames=renames)
        if _subscribes(operation) and not self.is_dry:
            self._refuse_objecting(task, body, emails, who.names - self.may_be_subscribed)

    def look(self, operation: Operation, body: Any) -> None:
        """Right before each try of a request: raises CalledOff where something was said since `before`."""
        if operation.id in MAKING and reach.erased(self._emails(people_in(body))):
            raise CalledOff(Skipped(reach.ERASED))
        if operation.method == "GET" or operation.id in LESSENING:
            return
        if WRITES_TO in operation.path.lower() and reach.has_anybody_objected(self.connection):
            raise CalledOff(Skipped(reach.WHOSE_CONVERSATION))
        who = people_in(body)
        try:
            emails = self._whom(operation, body, who)
        except TemporaryError:
            raise CalledOff(Skipped(reach.NO_FIRST)) from None
        if emails and reach.erased(emails):
            raise CalledOff(Skipped(reach.ERASED))
        if who.copied and reach.said_no(self.connection, who.copied):
            raise CalledOff(Skipped(reach.HAS_SAID_NO))
        if _lifts(operation) and self._keeps(body, emails):
            raise CalledOff(Skipped(reach.STAYS))
        if _subscribes(operation) and (objecting := self._objecting(emails)):
            others = {name for (_, name), email in self._met.items() if email in objecting}
            self.may_be_subscribed -= objecting | others
            raise CalledOff(Skipped(reach.HAS_SAID_NO))
        if self._new(emails):
            raise CalledOff(Skipped(reach.NO_FIRST))

    def after(self, operation: Operation, body: Any) -> None:
        """After a request: what somebody said while it was on its way, the account is told again; so of an erasure."""
        if self.is_dry or operation.method == "GET" or operation.id in LESSENING:
            return
        emails = self._emails(people_in(body))
        reach.will_tell(self.connection, self._new(emails))
        if emails and (gone := reach.erased(emails)):
            reach.will_erase(self.connection, gone, IN_A_JOB if operation.id.startswith("bulk_") else ON_THE_WIRE)

    def accept(self, emails: set[str]) -> None:
        """They may be subscribed, whatever is known of them by now."""
        self._accepted |= dict.fromkeys(emails, False)
        self._accepted |= {email: no.is_for_good for email, no in reach.said_no(self.connection, emails).items()}
        self._brought |= {no.pk for one in reach.standing(self.connection, emails) for no in (*one.said, *one.heard)}

    def _objecting(self, emails: set[str]) -> set[str]:
        """Who has said something since they were looked at."""
        said = reach.said_no(self.connection, emails)
        heavier = {
            email for email, no in said.items() if email not in self._accepted or no.is_for_good > self._accepted[email]
        }
        new = {one.email for one in reach.standing(self.connection, said) if self._has_news(one)}
        return heavier | new

    def _refuse_hidden(self, operation: Operation, who: People) -> None:
        """Whom nobody can look up cannot be told from who has said no."""
        if who.is_hidden and (_subscribes(operation) or reach.has_anybody_objected(self.connection)):
            raise Refused(reach.NAME_THEM.code, HIDDEN)

    def _copied_by(self, task: "Task", operation: Operation, body: Any) -> frozenset[str]:
        """Who gets a copy of the messages of a campaign that is about to be sent."""
        id = words(members(bodies.read(body).get("data")).get("id"))
        if self.is_dry or operation.id != SENDS or not id or not reach.has_anybody_said_no(self.connection):
            return frozenset()
        campaign = task.call("get_campaign", path={"id": id}, query={"include": "campaign-messages"})
        return people_in(campaign.document.get("included")).copied

    def _refuse_copies(self, copied: frozenset[str]) -> None:
        """Klaviyo asks nothing of who gets a copy: their no counts here alone."""
        if not copied:
            return
        self._refuse_erased(set(copied))
        if reach.said_no(self.connection, copied):
            raise Refused(reach.HAS_SAID_NO.code, f"{reach.HAS_SAID_NO.sentence} So no copy goes to them.")

    def _refuse_objecting(self, task: "Task", body: Any, emails: set[str], unknown: frozenset[str]) -> None:
        """Of a subscription: whoever has said no, or has said something since they were looked at."""
        if unknown:
            refuse_who_said_no(task, body, unknown)
            self.accept(emails)
        elif objecting := self._objecting(emails):
            raise OfPeople(reach.HAS_SAID_NO.code, reach.HAS_SAID_NO.sentence, objecting)

    def _refuse_lifting(self, body: Any, who: People) -> None:
        """Of a list or a segment nobody can be left out, and what is for good is lifted for nobody."""
        if stays := self._keeps(body, self._emails(who)):
            if _is_of_all(body):
                raise Refused(reach.NAME_THEM.code, reach.NAME_THEM.sentence)
            raise OfPeople(reach.STAYS.code, reach.STAYS.sentence, stays)

    def _keeps(self, body: Any, emails: set[str]) -> set[str]:
        """Whose suppression stays; of a list or a segment anybody's may."""
        if _is_of_all(body):
            return {""} if reach.has_anybody_said_no(self.connection) else set()
        return {email for email, no in reach.said_no(self.connection, emails).items() if no.is_for_good}

    def _new(self, emails: set[str]) -> list[Any]:
        """What these people have said no to since they were looked at."""
        found = reach.standing(self.connection, emails)
        return [no for one in found for no in (*one.said, *one.heard) if no.pk not in self._brought]

    def _whom(self, operation: Operation, body: Any, who: People) -> set[str]:
        """Whom a request may reach, as far as is known here."""
        if operation.id == SENDS or (operation.id.startswith(SWITCHES) and _goes_live(body)):
            return self._emails(who) | self._everybody()
        return self._emails(who)

    def _look_up(self, task: "Task", who: People) -> None:
        """Whose address nobody has said yet is asked for, where somebody was erased or has said no at all.

        So is that of a number beside an address: who has it may be somebody else.
        """
        beside = {("phone_number", number) for number in map(_e164, who.phones) if number}
        asked = {*who.unnamed, *beside, *(("id", id) for id in who.profiles)}
        self._emails(who)
        unknown = sorted(name for name in asked if not self._met.get(name))
        unknown = [name for name in unknown if name not in self._looked_up]
        if self.is_dry or not unknown or not reach.has_anybody_objected(self.connection):
            return
        self._looked_up |= set(unknown)
        for kind in ("id", "phone_number", "external_id"):
            values_of = [value for one, value in unknown if one == kind]
            for at in range(0, len(values_of), 100):
                query = {"filter": filters.any_of(kind, values_of[at : at + 100]), "page[size]": "100"}
                found = task.call("get_profiles", query=query).data
                if not isinstance(found, list):
                    raise answers.Unreadable("people")
                for profile in found:
                    self.meet(profile)

    def bring(self, task: "Task", emails: set[str], *, creates: bool = False, renames: bool = False) -> None:
        """Tell the account of what these people have said no to, and it has yet to hear. Raises IntegrationError."""
        found = [one for one in reach.standing(self.connection, emails) if self._has_news(one)]
        if renames:  # the account holds their no under their own profile alone
            found = [Owed(one.email, [*one.said, *one.heard], [], one.list_ids) for one in found]
        self._brought |= {no.pk for one in found for no in (*one.said, *one.heard)}
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
        untold: dict[str, PermanentError] = {}
        for one in waiting:
            try:
                self._tell(task, one)
            except PermanentError as error:
                untold[one.email] = error
        if untold:
            self._brought -= {no.pk for one in waiting if one.email in untold for no in one.said}
            sentence = f"{reach.NO_FIRST.sentence} That was refused: {next(iter(untold.values())).sentence}"
            raise OfPeople(reach.NO_FIRST.code, sentence, untold)

    def _has_news(self, one: Owed) -> bool:
        return any(no.pk not in self._brought for no in (*one.said, *one.heard))

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
        if unmet := {id for id in who.profiles if ("id", id) not in self._met}:
            known = reach.named_by(self.connection, unmet)
            self._met |= {("id", id): known.get(id, "") for id in unmet}
        names = {*who.unnamed, *(("id", id) for id in who.profiles), *(("phone_number", one) for one in who.phones)}
        return set(who.emails) | {email for name in names if (email := self._met.get(name))}

    def _refuse_erased(self, emails: set[str]) -> None:
        if emails and (gone := reach.erased(emails)):
            raise OfPeople(reach.ERASED.code, reach.ERASED.sentence, gone)


def _e164(number: str) -> str:
    return values.phone(number, "")


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


def refuse_who_said_no(task: "Task", body: Any, names: Collection[str]) -> None:
    """Of a subscription that no action has looked at, or not since. Raises Refused."""
    from klaviyo.actions import said_no  # which looks people up by the task's own requests

    said_no.refuse(task, body, names)


def _subscribes(operation: Operation) -> bool:
    """Whether it may subscribe somebody; of what Klaviyo does not publish nobody knows."""
    return operation.id in SUBSCRIBES or operation.id == UNPUBLISHED


def _lifts(operation: Operation) -> bool:
    is_like_it = operation.id == UNPUBLISHED and "suppress" in operation.path.lower()
    return operation.id == LIFTS or is_like_it


def _is_of_all(body: Any) -> bool:
    """Whether what is lifted is of a list or a segment, or names nobody."""
    told = members(bodies.read(body).get("data"))
    people = members(members(told.get("attributes")).get("profiles")).get("data")
    return not people or bool(told.get("relationships"))


def _goes_live(body: Any) -> bool:
    """Whether a flow, or a step of it, is to send."""
    match body:
        case Body():
            try:
                return _goes_live(json.loads(body.content))
            except ValueError:
                return True
        case Mapping():
            return any((name == "status" and inner == "live") or _goes_live(inner) for name, inner in body.items())
        case list() | tuple():
            return any(map(_goes_live, body))
    return False
