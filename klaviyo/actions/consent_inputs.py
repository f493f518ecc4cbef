"""Inputs of the actions on consent: who says yes or no to what; Klaviyo's own shapes are read as well."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from klaviyo.actions import people
from klaviyo.actions.channels import Channels, Ended, addressed, by_address, check_channels, check_number
from klaviyo.actions.inputs import (
    Email,
    ExternalId,
    Id,
    Inputs,
    JobId,
    Moment,
    Part,
    Phone,
    Reading,
    Rule,
    Text,
    excludes,
    given,
    needs,
    one_of_them,
    only_one_of,
    seed,
    wrong,
)
from klaviyo.actions.lists import ListId
from klaviyo.actions.people import Who
from klaviyo.actions.said_no import Person
from klaviyo.api.answers import members

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


class Named(Part):
    RULES: ClassVar[tuple[Rule, ...]] = (
        one_of_them("id", "email", "phone_number", "external_id"),
        excludes("external_id", "id", "email", "phone_number"),
    )

    id: Annotated[Id | None, Field(description="Their profile's id at Klaviyo.")] = None
    email: Annotated[Email | None, Field(description="Their e-mail address.")] = None
    phone_number: Annotated[Phone | None, Field(description="Their phone number, as +358401234567.")] = None
    external_id: Annotated[
        ExternalId | None, Field(description="Their id in another system, by which they are looked up first.")
    ] = None

    @model_validator(mode="after")
    def _has_a_name(self) -> "Named":
        if not (self.id or self.email or self.phone_number or self.external_id):
            raise wrong("Give an email, a phone_number, an id or an external_id.", "missing")
        if self.external_id and (self.id or self.email or self.phone_number):
            raise wrong("An external_id names somebody alone: leave it out, or the other names.", field="external_id")
        if self.phone_number:
            people.phone(self.phone_number, None)
        return self

    @property
    def is_looked_up(self) -> bool:
        """Whether their addresses are those of their profile."""
        return bool(self.id or self.external_id)


class Subscriber(Named):
    """One person who said yes."""

    RULES = addressed("id", "external_id")

    channels: Channels
    consented_at: Annotated[Moment | None, Field(description="When they said it; for a historical import only.")] = None
    age_gated_date_of_birth: Annotated[
        str | None,
        Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Needed by accounts with an age gate for text messages."),
    ] = None

    @model_validator(mode="after")
    def _can_be_reached(self) -> "Subscriber":
        check_channels(
            self.channels,
            has_mail=self.is_looked_up or bool(self.email),
            has_phone=self.is_looked_up or bool(self.phone_number),
        )
        if self.phone_number:
            check_number(self.channels, people.phone(self.phone_number, None))
        return self

    @property
    def person(self) -> Person:
        number = people.phone(self.phone_number, None) if self.phone_number else ""
        return Person(self.email or "", number, self.id or "", tuple(self.channels))


class Unsubscriber(Named):
    """One person who said no."""

    RULES = addressed("id", "external_id")

    channels: Annotated[
        list[Ended] | None,
        Field(min_length=1, max_length=7, description="If not given: email of an address, sms of a number alone."),
    ] = None

    @model_validator(mode="after")
    def _can_be_found(self) -> "Unsubscriber":
        if self.channels:
            check_channels(
                self.channels,
                has_mail=self.is_looked_up or bool(self.email),
                has_phone=self.is_looked_up or bool(self.phone_number),
            )
        return self


def _by_id(field: str) -> dict[str, Any]:
    """A rule: they have this address, or the profile that has it is found by an id."""
    named = {"required": ["identifier"], "properties": {"identifier": {"enum": ["klaviyo_id", "external_id"]}}}
    alone = {"properties": {"identifier": {"type": "null"}}, **one_of_them("klaviyo_id", "external_id")}
    return {"anyOf": [given(field), named, alone]}


def _dated(*, is_history: bool) -> dict[str, Any]:
    """A rule: each person has the time of their consent in a historical import, and nobody elsewhere."""
    said = {"historical_import": {"const": True} if is_history else {"not": {"const": True}}}
    each = given("consented_at") if is_history else {"properties": {"consented_at": {"type": "null"}}}
    required = {"required": ["historical_import"]} if is_history else {}
    return {"properties": {**said, "profiles": {"items": each}}, **required}


class SubscribingOne(Who):
    RULES = (needs("lift_suppressions", "proof", value=True), *by_address(_by_id("email"), _by_id("phone_number")))

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
        if self.phone_number:
            check_number(self.channels, people.phone(self.phone_number, self.country))
        check_lift(self)
        return self


class Subscribing(Inputs):
    RULES = (
        needs("lift_suppressions", "proof", value=True),
        {"anyOf": [_dated(is_history=False), _dated(is_history=True)]},
    )

    profiles: Annotated[
        list[Subscriber],
        Field(
            min_length=1,
            max_length=50_000,
            description="People, each with an email, a phone_number, an id or an external_id, and channels.",
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
            description="People, each with an email, a phone_number, an id or an external_id.",
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


class Whom(Inputs):
    RULES = (only_one_of("emails", "list_id", "segment_id"),)

    emails: Annotated[list[Email] | None, Field(min_length=1, max_length=50_000, description="E-mail addresses.")] = (
        None
    )
    list_id: Annotated[Id | None, Field(description="Or everybody who is on this list.")] = None
    segment_id: Annotated[Id | None, Field(description="Or everybody who is in this segment.")] = None
    wait: Annotated[bool, Field(description="Wait until Klaviyo has worked through it.")] = False

    @model_validator(mode="after")
    def _one(self) -> "Whom":
        if len(self.given("emails", "list_id", "segment_id")) != 1:
            raise wrong("Give one of emails, list_id and segment_id.", field="emails")
        return self


class Suppressing(Whom):
    """Whom to suppress."""


class Unsuppressing(Whom):
    """Whom to unsuppress."""


class OfSuppressionJob(Reading):
    job_id: Annotated[JobId, Field(description="The job's id, as suppress_profiles or unsuppress_profiles told it.")]
    kind: Annotated[Literal["suppress", "unsuppress"], Field(description="Which of the two it was.")] = "suppress"


def check_lift(given: SubscribingOne | Subscribing) -> None:
    if given.lift_suppressions and given.proof is None:
        raise wrong("lift_suppressions needs proof: signed_in, or confirmed.", field="proof")
