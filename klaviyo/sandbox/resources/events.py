"""Event operations: accepted at once, the same event only once."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from klaviyo.sandbox.protocol.calls import Answer, Call
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.faults import chosen
from klaviyo.sandbox.resources import event_shapes, ignored_phones, profiles
from klaviyo.sandbox.state import event_store, identifiers, people
from klaviyo.sandbox.state.event_store import Event
from klaviyo.sandbox.state.unit_of_work import UnitOfWork

MOST_EVENTS = 1000
_ROOT = "/data/attributes/events-bulk-create/data"

Group = dict[str, Any]


def create_event(call: Call) -> Answer:
    attributes = call.parse(event_shapes.one(call.revision))["data"]["attributes"]
    data = attributes["profile"]["data"]
    headers = ignored_phones.leave_out(call, [data["attributes"]])
    _need_identity(data, "/data/attributes/profile/data/attributes")
    if attributes.get("unique_id") in call.settings.malformed:
        raise Refusal(_malformed("/data/attributes"))
    if not chosen(call.fault, "accept_and_lose", 1):
        _record(call, [(data, [_event(attributes)])])
    return Answer(202, headers=headers)


def bulk_create_events(call: Call) -> Answer:
    groups: list[Group] = call.parse(event_shapes.JOB)["data"]["attributes"]["events-bulk-create"]["data"]
    number = sum(len(group["attributes"]["events"]["data"]) for group in groups)
    if number > MOST_EVENTS:
        raise Refusal(invalid(f"At most {MOST_EVENTS} events are allowed in one request.", _ROOT))
    profiles_told = [group["attributes"]["profile"]["data"]["attributes"] for group in groups]
    headers = ignored_phones.leave_out(call, profiles_told)
    for index, group in enumerate(groups):
        data = group["attributes"]["profile"]["data"]
        _need_identity(data, f"{_ROOT}/{index}/attributes/profile/data/attributes")
    _refuse_malformed(call, groups)
    _refuse_repeats(groups)
    lost = chosen(call.fault, "accept_and_lose", number)
    told = _told(groups, lost)
    if call.settings.bulk_refuses_known_ids:
        _refuse_known(call, groups)
    _record(call, told)
    return Answer(202, headers=headers)


def _told(groups: list[Group], lost: frozenset[int]) -> list[tuple[Mapping[str, Any], list[Event]]]:
    """Each group's profile with its events, without those that are to be lost."""
    told = []
    number = 0
    for group in groups:
        attributes = group["attributes"]
        kept = []
        for event in attributes["events"]["data"]:
            if number not in lost:
                kept.append(_event(event["attributes"], backfill=bool(attributes.get("backfill"))))
            number += 1
        if kept:
            told.append((attributes["profile"]["data"], kept))
    return told


def _record(call: Call, told: list[tuple[Mapping[str, Any], list[Event]]]) -> None:
    """Writes the people first and then what happened to them."""
    unit = UnitOfWork(call.sql, call.account)
    if len(told) > 1:
        unit.read_ahead(data["attributes"] for data, _ in told)
    events: list[tuple[str, Event]] = []
    for data, happened in told:
        person, _ = profiles.upsert(unit, data)
        latest = identifiers.second(max(one.time for one in happened))
        person.last_event_date = max(person.last_event_date or "", latest)
        events += [(person.id, one) for one in happened]
    unit.write()
    event_store.record(call.sql, call.account, events, call.settings.event_delay)


def _event(attributes: Mapping[str, Any], *, backfill: bool = False) -> Event:
    text = attributes.get("time")
    return Event(
        metric=attributes["metric"]["data"]["attributes"]["name"],
        time=int(identifiers.parsed(text).timestamp() if text else time.time()),
        properties=attributes["properties"],
        unique_id=attributes.get("unique_id"),
        value=None if attributes.get("value") is None else float(attributes["value"]),
        value_currency=attributes.get("value_currency"),
        backfill=bool(attributes.get("backfill")) or backfill,
    )


def _need_identity(data: Mapping[str, Any], pointer: str) -> None:
    if not data.get("id") and not profiles.identifies(data["attributes"]):
        detail = "At least one profile identifier is required: id, email, phone_number, external_id."
        raise Refusal(invalid(detail, pointer))


def _with_ids(groups: list[Group]) -> Iterator[tuple[int, int, Mapping[str, Any], Mapping[str, Any]]]:
    """Every event of a job that has a unique_id: the numbers of its group and place, whose it is, what it says."""
    for index, group in enumerate(groups):
        data = group["attributes"]["profile"]["data"]
        for place, event in enumerate(group["attributes"]["events"]["data"]):
            if event["attributes"].get("unique_id") is not None:
                yield index, place, data, event["attributes"]


def _at(index: int, place: int) -> str:
    return f"{_ROOT}/{index}/attributes/events/data/{place}/attributes"


def _refuse_malformed(call: Call, groups: list[Group]) -> None:
    malformed = call.settings.malformed
    if not malformed:
        return
    found = [
        _malformed(_at(index, place)) for index, place, _, event in _with_ids(groups) if event["unique_id"] in malformed
    ]
    if found:
        raise Refusal(*found)


def _malformed(at: str) -> Problem:
    return invalid("This value must be an ISO 8601 date and time.", f"{at}/time")


def _refuse_repeats(groups: list[Group]) -> None:
    """One repeated profile, metric and unique_id inside a request refuses all of it."""
    seen: set[tuple[str, str, str]] = set()
    found: list[Problem] = []
    for index, place, data, event in _with_ids(groups):
        key = (_whom(data), event["metric"]["data"]["attributes"]["name"], event["unique_id"])
        if key in seen:
            found.append(invalid("This event is repeated inside the request.", f"{_at(index, place)}/unique_id"))
        seen.add(key)
    if found:
        raise Refusal(*found)


def _whom(data: Mapping[str, Any]) -> str:
    """The identifier that names the person, as far as it can be told without looking anybody up."""
    given = data["attributes"]
    if data.get("id"):
        return str(data["id"])
    names = ("_kx" if name == "kx" else name for name in people.IDENTIFIERS)
    return next(str(given[name]).lower() for name in names if given.get(name))


def _refuse_known(call: Call, groups: list[Group]) -> None:
    """One event that was recorded before refuses the request: the documentation can be read so."""
    unit = UnitOfWork(call.sql, call.account)
    found: list[Problem] = []
    for index, place, data, event in _with_ids(groups):
        identity = {**data["attributes"], "kx": data["attributes"].get("_kx")}
        person = unit.get(data["id"]) if data.get("id") else people.first(unit.look, identity)
        if person and event_store.is_known(call.sql, call.account, person.id, _event(event)):
            found.append(invalid("This event has been recorded already.", f"{_at(index, place)}/unique_id"))
    if found:
        raise Refusal(*found)
