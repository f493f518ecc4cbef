"""Actions on consent: a person's yes and no, and suppressions. A yes needs its origin, and no no is only left out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from integrations.api.outcome import Problem
from integrations.errors import IntegrationError
from klaviyo.actions import dry_run, jobs, people, said_no
from klaviyo.actions.declaration import action
from klaviyo.actions.guard import ends
from klaviyo.actions.inputs import (
    Email,
    Id,
    Inputs,
    JobId,
    Moment,
    Part,
    Phone,
    Reading,
    Text,
    needs,
    one_of_them,
    only_one_of,
    seed,
    wrong,
)
from klaviyo.actions.lists import ListId
from klaviyo.actions.people import Who
from klaviyo.actions.said_no import Person
from klaviyo.actions.task import Refused, Task, resource
from klaviyo.api import answers, filters, values
from klaviyo.api.answers import members, words
from klaviyo.consent import reach
from klaviyo.consent.reach import No

SUBSCRIBED_AT_ONCE = 1_000  # https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
UNSUBSCRIBED_AT_ONCE = 100  # https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles
SUPPRESSED_AT_ONCE = 100  # https://developers.klaviyo.com/en/reference/bulk_suppress_profiles
LARGEST = 4_500_000  # bytes of one request
LOOKS = 5  # at what became of a subscription
BETWEEN_LOOKS = 2.0  # seconds
NOT_ON_LIST = "not_on_list"
PLACE = "An action on the Klaviyo account"

Channel = Literal[
    "email",
    "sms",
    "email.open_tracking",
    "sms.transactional",
    "whatsapp.marketing",
    "whatsapp.transactional",
]
Ended = Literal[
    "email",
    "sms",
    "email.open_tracking",
    "sms.transactional",
    "whatsapp.marketing",
    "whatsapp.transactional",
    "whatsapp.conversational",
]
Channels = Annotated[
    list[Channel],
    Field(
        min_length=1,
        max_length=6,
        description="What they asked for: email, sms and more.",
        json_schema_extra=seed("Klaviyo Channels"),
    ),
]
OptIn = Annotated[
    Text,
    Field(min_length=1, max_length=2_000, description="Who asked for it, where and when; it is kept with the run."),
]
Proof = Annotated[
    Literal["signed_in", "confirmed"] | None,
    Field(description="How it is known that it was they: they were signed_in, or confirmed it from their mailbox."),
]
Lift = Annotated[bool, Field(description="Undo their own unsubscribe; it needs proof. Nothing undoes a complaint.")]
ReadBack = Annotated[bool, Field(description="Look what Klaviyo has made of it.")]
Source = Annotated[
    Text | None,
    Field(
        max_length=255,
        description='Where it was asked for, such as "Marketing event".',
        json_schema_extra=seed("Klaviyo Custom Source", "Custom Source"),
    ),
]


def _channels_of(subscriptions: Any, wanted: str) -> tuple[list[str], set[Any]]:
    """The channels of Klaviyo's block, and the times in it. Raises where it says the contrary of what is done."""
    channels, times = [], set()
    for name, purposes in members(subscriptions).items():
        for purpose, said in members(purposes).items():
            is_plain = purpose == "marketing" and name in ("email", "sms")
            channels.append(name if is_plain else f"{name}.{purpose}")
            times.add(members(said).get("consented_at"))
            if members(said).get("consent", wanted) != wanted:
                raise wrong(f"The consent of {name} must be {wanted} here, or not be said.")
    return channels, times - {None}


def _flat(value: Any, wanted: str) -> Any:
    """Klaviyo's own shape of a person, read as ours."""
    if not (isinstance(value, dict) and isinstance(value.get("attributes"), dict)):
        return value
    made = {name: one for name, one in value["attributes"].items() if name != "subscriptions"}
    channels, times = _channels_of(value["attributes"].get("subscriptions"), wanted)
    if len(times) > 1:
        raise wrong("The channels of one person have different times of consent: give them one by one.")
    made |= {"channels": channels} if channels else {}
    made |= {"consented_at": next(iter(times))} if times else {}
    return made | ({"id": value["id"]} if value.get("id") else {})


def _unwrapped(value: Any, wanted: str) -> Any:
    told = value.get("data", value) if isinstance(value, dict) else value
    return [_flat(one, wanted) for one in told] if isinstance(told, list) else told


_to_subscribe = partial(_unwrapped, wanted="SUBSCRIBED")
_to_unsubscribe = partial(_unwrapped, wanted="UNSUBSCRIBED")


class _Named(Part):
    RULES = (one_of_them("id", "email", "phone_number"),)

    id: Annotated[Id | None, Field(description="Their profile's id at Klaviyo.")] = None
    email: Annotated[Email | None, Field(description="Their e-mail address.")] = None
    phone_number: Annotated[Phone | None, Field(description="Their phone number, as +358401234567.")] = None

    @model_validator(mode="after")
    def _has_a_name(self) -> "_Named":
        if not (self.id or self.email or self.phone_number):
            raise wrong("Give an email, a phone_number or an id.", "missing")
        if self.phone_number:
            people.phone(self.phone_number, None)
        return self


class Subscriber(_Named):
    """One person who said yes."""

    channels: Channels
    consented_at: Annotated[Moment | None, Field(description="When they said it; for a historical import only.")] = None
    age_gated_date_of_birth: Annotated[
        str | None,
        Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Needed by accounts with an age gate for text messages."),
    ] = None

    @model_validator(mode="after")
    def _can_be_reached(self) -> "Subscriber":
        check_channels(
            self.channels, has_mail=bool(self.email or self.id), has_phone=bool(self.phone_number or self.id)
        )
        return self

    @property
    def person(self) -> Person:
        number = people.phone(self.phone_number, None) if self.phone_number else ""
        return Person(self.email or "", number, self.id or "", tuple(self.channels))


class Unsubscriber(_Named):
    """One person who said no."""

    channels: Annotated[
        list[Ended] | None,
        Field(min_length=1, max_length=7, description="If not given: email of an address, sms of a number alone."),
    ] = None

    @model_validator(mode="after")
    def _can_be_found(self) -> "Unsubscriber":
        if self.channels:
            check_channels(
                self.channels, has_mail=bool(self.email or self.id), has_phone=bool(self.phone_number or self.id)
            )
        return self


class SubscribingOne(Who):
    RULES = (needs("lift_suppressions", "proof", value=True),)

    list_id: ListId
    channels: Channels
    custom_source: Source = None
    opt_in: OptIn
    proof: Proof = None
    lift_suppressions: Lift = False
    confirm: ReadBack = False

    @model_validator(mode="after")
    def _can_be_reached(self) -> "SubscribingOne":
        is_looked_up = self.by in ("klaviyo_id", "external_id")
        check_channels(
            self.channels,
            has_mail=bool(self.email) or is_looked_up,
            has_phone=bool(self.phone_number) or is_looked_up,
        )
        check_lift(self)
        return self


class Subscribing(Inputs):
    RULES = (needs("lift_suppressions", "proof", value=True),)

    profiles: Annotated[
        list[Subscriber],
        Field(
            min_length=1,
            max_length=50_000,
            description="People, each with an email, a phone_number or an id, and channels.",
            json_schema_extra=seed("Profiles"),
        ),
        BeforeValidator(_to_subscribe),
    ]
    list_id: Annotated[
        Id | None, Field(description="The list that they join.", json_schema_extra=seed("List ID", "Klaviyo List Id"))
    ] = None
    custom_source: Source = None
    opt_in: OptIn
    proof: Proof = None
    lift_suppressions: Lift = False
    historical_import: Annotated[bool, Field(description="They said it elsewhere, before; it skips double opt-in.")] = (
        False
    )
    confirm: ReadBack = False

    @model_validator(mode="after")
    def _times(self) -> "Subscribing":
        check_lift(self)
        now = datetime.now(UTC)
        for number, one in enumerate(self.profiles, start=1):
            if one.consented_at and not self.historical_import:
                raise wrong(
                    f"Person {number} has consented_at, which only a historical_import takes.", field="profiles"
                )
            if self.historical_import and not one.consented_at:
                raise wrong(f"Person {number} has no consented_at: a historical_import needs it.", field="profiles")
            if one.consented_at and one.consented_at > now:
                raise wrong(f"Person {number} would have consented in the future.", field="profiles")
        return self


class Unsubscribing(Inputs):
    profiles: Annotated[
        list[Unsubscriber],
        Field(
            min_length=1,
            max_length=50_000,
            description="People, each with an email, a phone_number or an id.",
            json_schema_extra=seed("Profiles"),
        ),
        BeforeValidator(_to_unsubscribe),
    ]
    list_id: Annotated[
        Id | None,
        Field(
            description="The list that they leave; without one it is everything that the account sends.",
            json_schema_extra=seed("List ID"),
        ),
    ] = None
    globally: Annotated[bool, Field(description="From everything, also who is on no list.")] = False


class _Whom(Inputs):
    RULES = (only_one_of("emails", "list_id", "segment_id"),)

    emails: Annotated[list[Email] | None, Field(min_length=1, max_length=50_000, description="E-mail addresses.")] = (
        None
    )
    list_id: Annotated[Id | None, Field(description="Or everybody who is on this list.")] = None
    segment_id: Annotated[Id | None, Field(description="Or everybody who is in this segment.")] = None
    wait: Annotated[bool, Field(description="Wait until Klaviyo has worked through it.")] = False

    @model_validator(mode="after")
    def _one(self) -> "_Whom":
        if len(self.given("emails", "list_id", "segment_id")) != 1:
            raise wrong("Give one of emails, list_id and segment_id.", field="emails")
        return self


class Suppressing(_Whom):
    """Whom to suppress."""


class Unsuppressing(_Whom):
    """Whom to unsuppress."""


class OfSuppressionJob(Reading):
    job_id: Annotated[JobId, Field(description="The job's id, as suppress_profiles or unsuppress_profiles told it.")]
    kind: Annotated[Literal["suppress", "unsuppress"], Field(description="Which of the two it was.")] = "suppress"


def check_channels(channels: Iterable[str], *, has_mail: bool, has_phone: bool) -> None:
    """Each channel needs its address. Raises a validation error."""
    for channel in channels:
        if channel.startswith("email") and not has_mail:
            raise wrong(f"{channel} needs an email.", field="channels")
        if not channel.startswith("email") and not has_phone:
            raise wrong(f"{channel} needs a phone_number.", field="channels")


def check_lift(given: SubscribingOne | Subscribing) -> None:
    if given.lift_suppressions and given.proof is None:
        raise wrong("lift_suppressions needs proof: signed_in, or confirmed.", field="proof")


@action(
    "bulk_subscribe_profiles",
    sometimes=("get_profiles",),
    seeds=("LeadConduit: Subscribe Profile to List",),
    reaches=True,
    examples=(
        {
            "list_id": "Y6nRLr",
            "email": "ann@shop.example",
            "channels": ["email"],
            "opt_in": "Asked for it at our stand, Helsinki, 2026-08-01",
        },
    ),
)
def subscribe_profile_to_list(task: Task, given: SubscribingOne) -> dict[str, Any]:
    """Subscribe a person who asked for it to a list.

    Who has said no before is left alone. A list with double opt-in asks them to confirm first.
    """
    person = _person(task, given)
    told = _subscribe(task, given, [person], [_asked(person)], given.list_id)
    return told | {"list_id": given.list_id}


@action(
    "bulk_subscribe_profiles",
    sometimes=("get_profiles", "create_or_update_profile"),
    seeds=("Prismatic: Subscribe Profiles",),
    reaches=True,
    examples=(
        {
            "profiles": [{"email": "ann@shop.example", "channels": ["email"]}],
            "list_id": "Y6nRLr",
            "opt_in": "The form at shop.example/news, 2026-08-01",
        },
    ),
)
def subscribe_profiles(task: Task, given: Subscribing) -> dict[str, Any]:
    """Subscribe people who asked for it, to a list or to the account.

    Who has said no before is left out. Without a list Klaviyo ignores whom it does not know: they are made first.
    """
    asked = [_asked(one.person, one) for one in given.profiles]
    told = _subscribe(task, given, [one.person for one in given.profiles], asked, given.list_id)
    return told | given.given("list_id")


@action(
    "bulk_unsubscribe_profiles",
    sometimes=("get_profiles", "get_profiles_for_list"),
    seeds=("Prismatic: Unsubscribe Profiles",),
    examples=({"profiles": [{"email": "ann@shop.example"}], "list_id": "Y6nRLr"},),
)
def unsubscribe_profiles(task: Task, given: Unsubscribing) -> dict[str, Any]:
    """Unsubscribe people from a list, or from everything that the account sends.

    Who is not on the list is left out: Klaviyo would end everything for them. Each no to e-mail stands in Sorae, too.
    """
    whom = _with_addresses(task, given.profiles)
    list_id = None if given.globally else given.list_id
    if not task.is_dry:
        for one in whom.values():
            if "email" in _ended(one):
                reach.note_no(task.connection, str(one.email), everything=list_id is None, place=PLACE)
    on_it = _members(task, list_id, whom) if list_id else set(whom)
    for at in sorted(whom.keys() - on_it):
        _leave_out(task, at, NOT_ON_LIST, "They are not on the list: Klaviyo would end everything for them.")
    if not on_it:
        raise Refused(NOT_ON_LIST, "Nobody of them is on the list.", pointer="/profiles")
    going = [_ending(whom[at]) for at in sorted(on_it)]
    for number, part in enumerate(jobs.parts(going, UNSUBSCRIBED_AT_ONCE, LARGEST)):
        _go_on(task, "bulk_unsubscribe_profiles", ends(part, list_id), number * UNSUBSCRIBED_AT_ONCE)
    told = {"accepted": True, "count": len(going), "left_out": len(given.profiles) - len(going)}
    return told | ({"list_id": list_id} if list_id else {})


def _asks(given: _Whom) -> str:
    whom = "list" if given.list_id else "segment"
    return "" if given.emails else f"Everybody in the {whom} gets no e-mail of this account any more."


@action(
    "bulk_suppress_profiles",
    sometimes=("get_bulk_suppress_profiles_job",),
    asks=_asks,
    examples=({"emails": ["ann@shop.example"]},),
)
def suppress_profiles(task: Task, given: Suppressing) -> dict[str, Any]:
    """Suppress people: they get no e-mail of the account any more."""
    return _suppressions(task, "bulk_suppress_profiles", "get_bulk_suppress_profiles_job", given)


@action(
    "bulk_unsuppress_profiles",
    sometimes=("get_bulk_unsuppress_profiles_job",),
    asks="Whoever was suppressed by hand can get e-mail of this account again.",
    reaches=True,
    examples=({"emails": ["ann@shop.example"]},),
)
def unsuppress_profiles(task: Task, given: Unsuppressing) -> dict[str, Any]:
    """Lift what somebody has suppressed by hand.

    An unsubscribe, a bounce or a complaint stays.
    """
    kept = given
    if given.emails:
        gone = {email for email, no in reach.said_no(task.connection, given.emails).items() if no.is_for_good}
        if gone.issuperset(given.emails):
            raise Refused(reach.STAYS.code, reach.STAYS.sentence, pointer="/emails")
        for at, email in enumerate(given.emails):
            if email in gone:
                pointer = f"/emails/{task.guard.place('emails', at)}"
                task.warnings.append(Problem(reach.STAYS.code, reach.STAYS.sentence, pointer=pointer))
        kept = given.model_copy(update={"emails": [email for email in given.emails if email not in gone]})
    return _suppressions(task, "bulk_unsuppress_profiles", "get_bulk_unsuppress_profiles_job", kept)


@action(
    "get_bulk_suppress_profiles_job",
    sometimes=("get_bulk_unsuppress_profiles_job",),
    examples=({"job_id": "01JABC"},),
)
def get_suppression_job(task: Task, given: OfSuppressionJob) -> dict[str, Any]:
    """See how a suppression, or the lifting of one, stands."""
    operation = f"get_bulk_{given.kind}_profiles_job"
    return jobs.told(task.call(operation, path={"job_id": given.job_id}).data)


def _person(task: Task, given: SubscribingOne) -> Person:
    """Whom it is about; looked up where an id alone does not say their address."""
    email, number, id = given.email or "", "", ""
    if given.phone_number:
        number = people.phone(given.phone_number, given.country)
    if given.by in ("klaviyo_id", "external_id"):
        profile, _ = people.find(task, given)
        told = members(profile.get("attributes"))
        id = words(profile.get("id"))
        email, number = email or words(told.get("email")), number or words(told.get("phone_number"))
    person = Person(email, number, id, tuple(given.channels))
    if task.is_dry:
        return person
    if person.has_mail and not email:
        raise Refused("no_email", "Klaviyo has no e-mail address of theirs.", pointer="/channels")
    if not number and any(not channel.startswith("email") for channel in given.channels):
        raise Refused("no_phone", "Klaviyo has no phone number of theirs.", pointer="/channels")
    return person


def _asked(person: Person, one: Subscriber | None = None) -> dict[str, Any]:
    """The person in a request: with what each channel needs, and not a word about other channels."""
    attributes: dict[str, Any] = {}
    if person.email:
        attributes["email"] = person.email
    if person.phone_number and (person.email == "" or any(not name.startswith("email") for name in person.channels)):
        attributes["phone_number"] = person.phone_number
    said: dict[str, Any] = {"consent": "SUBSCRIBED"}
    if one and one.consented_at:
        said["consented_at"] = one.consented_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if one and one.age_gated_date_of_birth:
        attributes["age_gated_date_of_birth"] = one.age_gated_date_of_birth
    attributes["subscriptions"] = _block(person.channels, said)
    return {"type": "profile"} | ({"id": person.id} if person.id else {}) | {"attributes": attributes}


def _block(channels: Iterable[str], said: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for channel in channels:
        name, _, purpose = channel.partition(".")
        word = {"consent": said["consent"]} if purpose == "open_tracking" else dict(said)
        made.setdefault(name, {})[purpose or "marketing"] = word
    return made


def _subscribe(
    task: Task,
    given: SubscribingOne | Subscribing,
    persons: Sequence[Person],
    asked: Sequence[dict[str, Any]],
    list_id: str | None,
) -> dict[str, Any]:
    found = said_no.look_up(task, persons)
    noes = said_no.of(task, persons, found, list_id)
    theirs = [found.addresses(person) for person in persons]
    kept = [at for at in range(len(persons)) if _may(task, given, theirs[at], noes.get(at))]
    task.guard.bring(task, set().union(*theirs))
    for at in sorted(set(range(len(persons))) - set(kept)):
        reason = noes[at].reason
        if kept or len(persons) > 1:
            _leave_out(task, at, reason.code, reason.sentence)
    if not kept:
        worst = next((no for no in noes.values() if no.is_for_good), next(iter(noes.values())))
        raise Refused(worst.reason.code, worst.reason.sentence, pointer="/profiles" if len(persons) > 1 else "")
    going = [persons[at] for at in kept]
    task.guard.may_be_subscribed |= set().union(*(person.names for person in going))
    task.guard.accept(set().union(*(theirs[at] for at in kept)))
    is_historical = isinstance(given, Subscribing) and given.historical_import
    if not list_id and not is_historical:
        _make(task, [person for person in going if not found.of(person)])
    for number, part in enumerate(jobs.parts([asked[at] for at in kept], SUBSCRIBED_AT_ONCE, LARGEST)):
        body = _job(part, given.custom_source, list_id, is_historical=is_historical)
        _go_on(task, "bulk_subscribe_profiles", body, number * SUBSCRIBED_AT_ONCE)
    told = {"accepted": True, "count": len(kept), "left_out": len(persons) - len(kept)}
    told["left_out"] += task.guard.left_out("profiles")
    return told | ({"subscribed": _read_back(task, going)} if given.confirm else {})


def _may(task: Task, given: SubscribingOne | Subscribing, emails: Iterable[str], no: No | None) -> bool:
    """Whether nothing speaks against it, or their proved yes undoes what does; that is then on record in Sorae."""
    if no is None:
        return True
    if no.is_for_good or not (given.lift_suppressions and given.proof):
        return False
    for email in () if task.is_dry else emails:
        reach.note_yes(task.connection, email, proof=given.proof, wording=given.opt_in, place=PLACE)
    return True


def _make(task: Task, unknown: Sequence[Person]) -> None:
    """Whom Klaviyo does not know it would ignore (seen live): so they are made first."""
    for person in unknown:
        named = {"email": person.email, "phone_number": person.phone_number}
        body = resource("profile", {name: value for name, value in named.items() if value})
        task.call("create_or_update_profile", body=body)


def _job(part: Sequence[Any], source: str | None, list_id: str | None, *, is_historical: bool) -> dict[str, Any]:
    attributes: dict[str, Any] = {"profiles": {"data": list(part)}}
    if source:
        attributes["custom_source"] = source
    if is_historical:
        attributes["historical_import"] = True
    related: dict[str, Any] = {"list": ("list", list_id)} if list_id else {}
    return resource("profile-subscription-bulk-create-job", attributes, **related)


def _read_back(task: Task, going: Sequence[Person]) -> int:
    """How many of them Klaviyo shows as subscribed; a list with double opt-in waits for their confirmation first."""
    count = 0
    for look in range(LOOKS):
        found = said_no.look_up(task, going)
        count = sum(any(said_no.is_subscribed(one, person) for one in found.of(person)) for person in going)
        if count == len(going) or task.is_dry:
            return count
        if look < LOOKS - 1:
            task.pause(BETWEEN_LOOKS)
    task.warn("not_shown_yet", "Klaviyo does not show all of them as subscribed yet; some may have to confirm it.")
    return count


def _with_addresses(task: Task, given: Sequence[Unsubscriber]) -> dict[int, Unsubscriber]:
    """The people by their place, each with an address or a number: Klaviyo takes no ids here."""
    ids = sorted({one.id for one in given if one.id and _lacks(one)})
    known: dict[str, Any] = {}
    for part in jobs.parts(ids, said_no.LOOKED_UP_AT_ONCE, LARGEST):
        found = task.call("get_profiles", query=_query("id", part)).data
        if not isinstance(found, list):
            raise answers.Unreadable("people")
        for item in found:
            known[words(members(item).get("id"))] = members(members(item).get("attributes"))
    whom: dict[int, Unsubscriber] = {}
    for at, one in enumerate(given):
        if one.id in ids:
            told = known.get(str(one.id), {})
            named = {name: one_told for name in ("email", "phone_number") if (one_told := _usable(told, name))}
            named |= one.given("email", "phone_number")
            if task.is_dry:
                named = {"email": dry_run.ID}
            if not named or (not task.is_dry and _lacks(one.model_copy(update=named))):
                _leave_out(task, at, "not_found", "Klaviyo knows nobody by that, or no address of theirs.")
                continue
            one = one.model_copy(update=named)
        whom[at] = one
    if not whom:
        raise Refused("not_found", "Klaviyo knows nobody by that, or no address of theirs.", pointer="/profiles")
    return whom


def _lacks(one: Unsubscriber) -> bool:
    """Whether what is known of them cannot carry the no to each of their channels."""
    if not (one.email or one.phone_number):
        return True
    names = ["email" if channel.startswith("email") else "phone_number" for channel in _ended(one)]
    return not all(getattr(one, name) for name in names)


def _usable(told: Mapping[str, Any], name: str) -> str:
    """What Klaviyo holds, unless nobody can be written to by it."""
    value = words(told.get(name))
    if name == "email":
        return "" if not value or values.email_problem(value) else value
    return values.phone(value, "") if value else ""


def _members(task: Task, list_id: str, whom: Mapping[int, Unsubscriber]) -> set[int]:
    """Who of them is on the list."""
    on_it: set[int] = set()
    for name in ("email", "phone_number"):
        mine = {at: one for at, one in whom.items() if _found_by(one) == name}
        for part in jobs.parts(list(mine), said_no.LOOKED_UP_AT_ONCE // 2, LARGEST):
            names = {at: str(getattr(mine[at], name)) for at in part}
            there, others = _on_list(task, list_id, name, set(names.values()))
            left = {at: value for at, value in names.items() if _plain(value) not in there}
            on_it |= names.keys() - left.keys()
            if task.is_dry:
                on_it |= names.keys()
                continue
            # Somebody may be there by another address of theirs, and is then named by that one.
            if others and name == "email":
                on_it |= {at for at, value in left.items() if any(_on_list(task, list_id, name, {value}))}
    return on_it


def _on_list(task: Task, list_id: str, name: str, asked: set[str]) -> tuple[set[str], bool]:
    """Who of these is on the list, and whether the answer names others as well."""
    query = _query(name, sorted(asked | {value.lower() for value in asked}))
    found = task.call("get_profiles_for_list", path={"id": list_id}, query=query).data
    if not isinstance(found, list):
        raise answers.Unreadable("people")
    named = {_plain(words(members(members(one).get("attributes")).get(name))) for one in found}
    plain = {_plain(value) for value in asked}
    return named & plain, bool(named - plain)


def _query(name: str, asked: Iterable[str]) -> dict[str, str]:
    return {"filter": filters.any_of(name, asked), "fields[profile]": "email,phone_number", "page[size]": "100"}


def _plain(value: str) -> str:
    return values.address(value).lower()


def _found_by(one: Unsubscriber) -> str:
    return "email" if one.email else "phone_number"


def _ended(one: Unsubscriber) -> Sequence[str]:
    return one.channels or (["email"] if one.email else ["sms"])


def _ending(one: Unsubscriber) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if one.email:
        made["email"] = one.email
    if one.phone_number:
        made["phone_number"] = people.phone(one.phone_number, None)
    return made | {"subscriptions": _block(_ended(one), {"consent": "UNSUBSCRIBED"})}


def _leave_out(task: Task, at: int, code: str, sentence: str) -> None:
    task.warnings.append(Problem(code, sentence, pointer=f"/profiles/{task.guard.place('profiles', at)}"))


def _go_on(task: Task, operation: str, body: Any, done: int) -> Any:
    """One of several requests; where it fails it is said how many had gone before."""
    try:
        return task.call(operation, body=body).data
    except (Refused, IntegrationError):
        if done:
            task.warn("partly_accepted", f"The first {done} were accepted before.", accepted=done)
        raise


def _suppressions(task: Task, operation: str, reading: str, given: _Whom) -> dict[str, Any]:
    kind = "create" if operation == "bulk_suppress_profiles" else "delete"
    type = f"profile-suppression-bulk-{kind}-job"
    made: list[Any] = []
    if given.emails:
        named = [{"type": "profile", "attributes": {"email": email}} for email in given.emails]
        for number, part in enumerate(jobs.parts(named, SUPPRESSED_AT_ONCE, LARGEST)):
            body = resource(type, {"profiles": {"data": part}})
            made.append(_go_on(task, operation, body, number * SUPPRESSED_AT_ONCE))
    else:
        name, id = ("list", given.list_id) if given.list_id else ("segment", given.segment_id)
        related: dict[str, Any] = {name: (name, id)}
        made.append(task.call(operation, body=resource(type, {}, **related)).data)
    return jobs.all_told(task, reading, made, wait=given.wait)
