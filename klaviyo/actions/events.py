"""Actions on events: what people did, one by one and many at once."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from klaviyo.actions import parts, people, profile_fields, reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Currency,
    Email,
    ExternalId,
    Id,
    Inputs,
    Listing,
    Moment,
    Name,
    Number,
    Part,
    Phone,
    Reading,
    Rule,
    Text,
    Words,
    excludes,
    needs,
    one_of_them,
    seed,
    wrong,
)
from klaviyo.actions.profile_fields import Named, check_object
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task, resource
from klaviyo.api import bulk, published, values
from klaviyo.api.answers import members

LARGEST = 5_000_000  # bytes: https://developers.klaviyo.com/en/reference/create_event
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD = timedelta(days=365)
FLAT = ("email", "phone_number", "external_id", "klaviyo_id")


def _possible(value: datetime) -> datetime:
    if not EARLIEST <= value <= datetime.now(UTC) + FURTHEST_AHEAD:
        raise wrong("Klaviyo takes times from 2000 until a year from now.")
    return value


def _properties(value: dict[str, Any]) -> dict[str, Any]:
    check_object(value)
    if len(json.dumps(value).encode()) > LARGEST:
        raise wrong("The event is larger than 5 MB.")
    return value


def _flat(value: Any) -> Any:
    """Klaviyo's own shape of a profile, read as ours."""
    told = value.get("data", value) if isinstance(value, dict) else value
    if not (isinstance(told, dict) and "attributes" in told):
        return told
    flat = dict(members(told["attributes"]))
    patches = members(members(told.get("meta") or flat.pop("meta", None)).get("patch_properties"))
    flat |= {name: patches[name] for name in ("append", "unappend") if name in patches}
    return flat | ({"klaviyo_id": told["id"]} if told.get("id") else {})


class Doer(Named):
    """Whom an event is about."""

    klaviyo_id: Annotated[Id | None, Field(description="Their profile's id at Klaviyo.")] = None


class _Happening(Part):
    """What happened."""

    RULES: ClassVar[tuple[Rule, ...]] = (needs("value_currency", "value"),)

    event_name: Annotated[
        Name,
        Field(
            max_length=127,
            description="What happened: the metric's name.",
            json_schema_extra=seed("Event Name"),
        ),
    ]
    properties: Annotated[
        dict[str, Any],
        Field(description="What there is to know about it.", json_schema_extra=seed("Event Properties")),
        AfterValidator(_properties),
    ] = {}
    time: Annotated[
        Annotated[Moment, AfterValidator(_possible)] | None,
        Field(
            description="When, with a zone: 2026-08-01T12:00:00Z. If not given, now.",
            json_schema_extra=seed("Event Time"),
        ),
    ] = None
    value: Annotated[Number | None, Field(description="What it is worth.", json_schema_extra=seed("Event Value"))] = (
        None
    )
    value_currency: Annotated[
        Currency | None,
        Field(description="Three letters (ISO 4217).", json_schema_extra=seed("Event Value Currency")),
    ] = None
    unique_id: Annotated[
        Text | None,
        Field(
            min_length=1,
            max_length=255,
            description="Klaviyo takes an event of the same id once. If not given, made.",
            json_schema_extra=seed("Event Unique ID"),
        ),
    ] = None
    backfill: Annotated[bool, Field(description="It is of the past: no flow starts.")] = False

    @model_validator(mode="after")
    def _can_be(self) -> "_Happening":
        if self.value_currency and self.value is None:
            raise wrong("value_currency needs a value.", field="value_currency")
        if self.value_currency and not values.is_currency(self.value_currency):
            raise wrong("This is no currency of ISO 4217.", field="value_currency")
        return self


class Event(_Happening):
    """One event of somebody."""

    profile: Annotated[
        Doer,
        Field(
            description="Whom it is about. Klaviyo makes a profile of whom it does not know.",
            json_schema_extra=seed("Event Profile"),
        ),
        BeforeValidator(_flat),
    ]


class NewEvent(_Happening, Inputs):
    RULES = (one_of_them("profile", *FLAT), excludes("profile", *FLAT))

    profile: Annotated[
        Doer | None,
        Field(
            description="Whom it is about. Klaviyo makes a profile of whom it does not know.",
            json_schema_extra=seed("Event Profile"),
        ),
        BeforeValidator(_flat),
    ] = None
    email: Annotated[Email | None, Field(description="Or flat: their e-mail address.")] = None
    phone_number: Annotated[Phone | None, Field(description="Or their phone number, as +358401234567.")] = None
    external_id: Annotated[ExternalId | None, Field(description="Or their id in another system.")] = None
    klaviyo_id: Annotated[Id | None, Field(description="Or their profile's id at Klaviyo.")] = None

    @model_validator(mode="after")
    def _of_somebody(self) -> "NewEvent":
        flat = self.given(*FLAT)
        if self.profile and flat:
            raise wrong(f"Give profile as an object or flat ({', '.join(flat)}), not both.", field="profile")
        if not self.profile and not flat:
            raise wrong(f"Say whom it is about: profile, or flat {', '.join(FLAT)}.", field="profile")
        if self.phone_number:
            people.phone(self.phone_number, None)
        return self

    @property
    def who(self) -> Doer:
        """Whom it is about, however that was given."""
        return self.profile or Doer(**self.given(*FLAT))


def _events(value: Any) -> Any:
    """Klaviyo's wrapper, read as our list."""
    told = value
    for name in ("data", "attributes", "events-bulk-create", "data"):
        told = told.get(name, told) if isinstance(told, dict) else told
    if isinstance(told, list) and all(isinstance(item, dict) and "attributes" in item for item in told):
        return [event for item in told for event in _of_person(members(item["attributes"]))]
    return told


def _of_person(group: dict[str, Any]) -> list[Any]:
    events = members(group.get("events")).get("data")
    return [_of_group(group, members(one).get("attributes")) for one in events] if isinstance(events, list) else [group]


def _of_group(group: dict[str, Any], attributes: Any) -> dict[str, Any]:
    metric = members(members(members(attributes).get("metric")).get("data"))
    told = {name: value for name, value in members(attributes).items() if name != "metric"}
    shared = {"profile": group.get("profile"), "event_name": members(metric.get("attributes")).get("name")}
    return shared | {"backfill": group.get("backfill")} | told


class NewEvents(Inputs):
    events: Annotated[
        list[Event],
        Field(
            min_length=1,
            max_length=100_000,
            description="Events, each as in create_event.",
            json_schema_extra=seed("Events Array"),
        ),
        BeforeValidator(_events),
    ]

    @model_validator(mode="after")
    def _each_once(self) -> "NewEvents":
        seen: set[tuple[tuple[str, str], str, str]] = set()
        for number, one in enumerate(self.events):
            if one.unique_id is None:
                continue
            key = (_person(one), one.event_name, one.unique_id)
            if key in seen:
                raise wrong(
                    f"Event {number + 1} repeats the unique_id of an earlier one of the same person and name: "
                    "Klaviyo would refuse all of them.",
                    field="events",
                )
            seen.add(key)
        return self


class _Related(Part):
    event_fields: Annotated[Words | None, Field(json_schema_extra=seed("Event Fields"))] = None
    metric_fields: Annotated[
        Words | None, Field(description="The metric comes along.", json_schema_extra=seed("Metric Fields"))
    ] = None
    profile_fields: Annotated[
        Words | None, Field(description="The profile comes along.", json_schema_extra=seed("Profile Fields"))
    ] = None


class OfEvent(_Related, Reading):
    event_id: Annotated[Id, Field(description="The event's id at Klaviyo.", json_schema_extra=seed("Event ID"))]


class ListingEvents(_Related, Listing):
    pass


@action(
    "create_event",
    seeds=("Prismatic: Create Event",),
    reaches=True,
    examples=(
        {"event_name": "Reward Issued", "profile": {"email": "ann@shop.example"}, "value": 5, "value_currency": "EUR"},
    ),
)
def create_event(task: Task, given: NewEvent) -> dict[str, Any]:
    """Record an event of a person.

    Flows that listen to it may start, unless it is a backfill. Our own second try cannot double it: it has a unique_id.
    """
    unique_id = given.unique_id or str(uuid.uuid4())
    attributes = _attributes(given, unique_id) | {"profile": _profile(given.who)}
    if given.backfill:
        attributes["backfill"] = True
    task.call("create_event", body=resource("event", attributes))
    return {"accepted": True, "unique_id": unique_id, "event_name": given.event_name}


@action(
    "bulk_create_events",
    seeds=("Prismatic: Bulk Create Events",),
    reaches=True,
    examples=({"events": [{"event_name": "Visited", "profile": {"email": "ann@shop.example"}}]},),
)
def bulk_create_events(task: Task, given: NewEvents) -> dict[str, Any]:
    """Record many events, in as few requests as Klaviyo takes."""
    items = [(at, _sized(one, one.unique_id or str(uuid.uuid4()))) for at, one in enumerate(given.events)]
    most, largest = bulk.MOST_EVENTS, bulk.MOST_BYTES
    sent = parts.send(task, "bulk_create_events", "events", items, _request, most=most, largest=largest)
    unique_ids = [event["attributes"]["unique_id"] for items, _ in sent for _, event in items]
    return {"accepted": len(unique_ids), "requests": len(sent), "unique_ids": unique_ids}


@action("get_event", seeds=("Prismatic: Get Event",), examples=({"event_id": "4vRpBT"},))
def get_event(task: Task, given: OfEvent) -> Any:
    """Get an event."""
    asked = published.find("get_event")
    return task.call("get_event", path={"id": given.event_id}, query=_query(given, asked)).data


@action("get_events", seeds=("Prismatic: List Events",), examples=({"limit": 20, "sort": "-datetime"},))
def list_events(task: Task, given: ListingEvents) -> Listed:  # noqa: ARG001
    """List the account's events."""
    return Listed("get_events", query=_query(given, published.find("get_events")))


def _query(given: OfEvent | ListingEvents, asked: published.Published) -> dict[str, str]:
    """Fields of metric and profile do nothing unless these come along."""
    along = [name for name in ("metric", "profile") if getattr(given, f"{name}_fields")]
    return reading.query(given, asked, also={"include": along} if along else None)


def _attributes(one: _Happening, unique_id: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "properties": one.properties,
        "metric": {"data": {"type": "metric", "attributes": {"name": one.event_name}}},
        "unique_id": unique_id,
    }
    if one.time:
        made["time"] = one.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return made | one.given("value", "value_currency")


def _profile(one: Doer) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "profile", "attributes": profile_fields.attributes(one)}
    return {"data": made | ({"id": one.klaviyo_id} if one.klaviyo_id else {})}


def _person(one: Event) -> tuple[str, str]:
    """By what they are one person; only of an address the case says nothing."""
    who = one.profile
    names = {"id": who.klaviyo_id, "email": (who.email or "").lower(), "phone": who.phone_number}
    return next(((kind, name) for kind, name in names.items() if name), ("external_id", who.external_id or ""))


def _request(part: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The events of one person together."""
    groups: dict[tuple[tuple[str, str], bool], dict[str, Any]] = {}
    for event in part:
        group = groups.setdefault(
            (event["person"], event["backfill"]),
            {"profile": event["profile"], "events": {"data": []}} | ({"backfill": True} if event["backfill"] else {}),
        )
        group["events"]["data"].append({"type": "event", "attributes": event["attributes"]})
    data = [{"type": "event-bulk-create", "attributes": group} for group in groups.values()]
    return resource("event-bulk-create-job", {"events-bulk-create": {"data": data}})


def _sized(one: Event, unique_id: str) -> dict[str, Any]:
    return {
        "person": _person(one),
        "backfill": one.backfill,
        "profile": _profile(one.profile),
        "attributes": _attributes(one, unique_id),
    }
