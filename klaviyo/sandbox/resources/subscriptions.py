"""Subscribe and unsubscribe operations: the only ones that change a person's consent."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from klaviyo.sandbox.protocol.calls import Answer, Call
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.formats import moment
from klaviyo.sandbox.protocol.validation import Anything, Boolean, Items, Members, Shape, Text
from klaviyo.sandbox.resources import consent_changes, double_opt_in, ignored_phones, lists, profile_shapes
from klaviyo.sandbox.state import accounts, identifiers, list_store, people, profile_updates
from klaviyo.sandbox.state.people import Person

_ROOT = "/data/attributes/profiles/data"
_LIST = Members(optional={"list": Members({"data": Members({"type": Text(choices=("list",)), "id": Text()})})})


def _consent(word: str, **optional: Shape) -> Members:
    return Members({"consent": Text(choices=(word,))}, optional)


def _channels(word: str, **optional: Shape) -> Members:
    said = _consent(word, **optional)
    return Members(
        optional={
            "email": Members(optional={"marketing": said, "open_tracking": _consent(word)}),
            "sms": Members(optional={"marketing": said, "transactional": said}),
            "whatsapp": Members(optional={"marketing": said, "transactional": said, "conversational": said}),
            "push": Anything(),
        }
    )


def _job(kind: str, channels: Members, most: int, person: dict[str, Shape], job: dict[str, Shape]) -> Members:
    attributes = {"email": profile_shapes.EMAIL, "phone_number": profile_shapes.PHONE}
    if "id" in person:
        attributes["age_gated_date_of_birth"] = Text(nullable=True)
    one = Members(
        {
            "type": profile_shapes.TYPE,
            "attributes": Members({"subscriptions": channels}, attributes),
        },
        person,
    )
    profiles = Members({"data": Items(one, fewest=1, most=most)})
    return Members(
        {
            "data": Members(
                {"type": Text(choices=(kind,)), "attributes": Members({"profiles": profiles}, job)},
                {"relationships": _LIST},
            )
        }
    )


_SUBSCRIBE = _job(
    "profile-subscription-bulk-create-job",
    _channels("SUBSCRIBED", consented_at=Text(nullable=True, form=moment)),
    1000,
    {"id": Text(nullable=True)},
    {"custom_source": Text(nullable=True), "historical_import": Boolean(nullable=True)},
)
_UNSUBSCRIBE = _job("profile-subscription-bulk-delete-job", _channels("UNSUBSCRIBED"), 100, {}, {})


def bulk_subscribe_profiles(call: Call) -> Answer:
    data = call.parse(_SUBSCRIBE)["data"]
    attributes = data["attributes"]
    list_id = _list_of(call, data)
    historical = bool(attributes.get("historical_import"))
    _check_times(attributes["profiles"]["data"], historical=historical)
    _need_address(attributes["profiles"]["data"])
    _check_texts(call, attributes["profiles"]["data"])
    headers = ignored_phones.leave_out(call, [one["attributes"] for one in attributes["profiles"]["data"]])
    double = not historical and _is_double(call, list_id)
    for told in attributes["profiles"]["data"]:
        person = _known(call, told)
        if person is None:
            # Live, a new address without a list and without historical_import never became a profile.
            if not list_id and not historical:
                continue
            person = _new(call, told["attributes"])
        _subscribe(call, person, told["attributes"], list_id, attributes.get("custom_source"), double=double)
    return Answer(202, headers=headers)


def bulk_unsubscribe_profiles(call: Call) -> Answer:
    data = call.parse(_UNSUBSCRIBE)["data"]
    list_id = _list_of(call, data)
    _need_address(data["attributes"]["profiles"]["data"])
    for told in data["attributes"]["profiles"]["data"]:
        person = _known(call, told) or _new(call, told["attributes"])
        _unsubscribe(call, person, told["attributes"], list_id)
    return Answer(202)


def _subscribe(
    call: Call, person: Person, told: Mapping[str, Any], list_id: str | None, source: str | None, *, double: bool
) -> None:
    asked = told["subscriptions"]
    before = consent_changes.noted(person)
    email = (asked.get("email") or {}).get("marketing")
    sms = asked.get("sms") or {}
    if double and email:
        double_opt_in.ask(call.sql, person, list_id, source)
    elif email:
        person.consent_of(told.get("email")).subscribe_email(_at(email), list_id=list_id, detail=source, double=False)
    if sms.get("marketing") and not double:
        person.consent.sms.set("SUBSCRIBED", _at(sms["marketing"]), detail=source)
    if sms.get("transactional") and not double:
        person.consent.sms_transactional.set("SUBSCRIBED", _at(sms["transactional"]), detail=source)
    joined = list_store.join(call.sql, list_id, person.id) if list_id and not double else None
    person.updated = identifiers.instant()
    people.save(call.sql, person)
    consent_changes.tell(call.sql, person, before, joined=joined)


def _unsubscribe(call: Call, person: Person, told: Mapping[str, Any], list_id: str | None) -> None:
    """Off the named list only when they are on it; a stranger to the list is unsubscribed everywhere."""
    asked, mine = told["subscriptions"], person.consent_of(told.get("email"))
    at = identifiers.instant()
    before = consent_changes.noted(person)
    if (asked.get("email") or {}).get("marketing"):
        if list_id and list_store.has_member(call.sql, list_id, person.id):
            list_store.remove_members(call.sql, list_id, [person.id])
            mine.unsubscribe_from_list(list_id, at)
        else:
            mine.unsubscribe_email(at)
    sms = asked.get("sms") or {}
    if sms.get("marketing"):
        person.consent.sms.set("UNSUBSCRIBED", at)
    if sms.get("transactional"):
        person.consent.sms_transactional.set("UNSUBSCRIBED", at)
    person.updated = at
    people.save(call.sql, person)
    consent_changes.tell(call.sql, person, before)


def _known(call: Call, told: Mapping[str, Any]) -> Person | None:
    if told.get("id"):
        return people.get(call.sql, call.account, told["id"])
    return people.find(call.sql, call.account, told["attributes"])


def _new(call: Call, attributes: Mapping[str, Any]) -> Person:
    person = people.new(call.account)
    profile_updates.change(person, {name: attributes.get(name) for name in ("email", "phone_number")})
    people.add(call.sql, person)
    return person


def _list_of(call: Call, data: Mapping[str, Any]) -> str | None:
    asked = (data.get("relationships") or {}).get("list")
    found = lists.require(call, asked["data"]["id"]) if asked else None
    return str(found["id"]) if found else None


def _is_double(call: Call, list_id: str | None) -> bool:
    row = list_store.get(call.sql, call.account, list_id) if list_id else None
    asked = row["opt_in_process"] if row else accounts.opt_in_process(call.sql, call.account)
    return bool(asked == "double_opt_in")


def _at(said: Mapping[str, Any]) -> str:
    given = said.get("consented_at")
    return identifiers.moment(identifiers.parsed(given)) if given else identifiers.instant()


def _need_address(told: list[Any]) -> None:
    found = [
        invalid("An email or a phone_number is required.", f"{_ROOT}/{index}/attributes")
        for index, one in enumerate(told)
        if not (one.get("id") or one["attributes"].get("email") or one["attributes"].get("phone_number"))
    ]
    if found:
        raise Refusal(*found)


def _check_texts(call: Call, told: list[Any]) -> None:
    """One person who asks for texts that the account may not send refuses the whole request."""
    found: list[Problem] = []
    for index, one in enumerate(told):
        attributes, at = one["attributes"], f"{_ROOT}/{index}/attributes"
        if not attributes["subscriptions"].get("sms"):
            continue
        if ignored_phones.has_no_sender(call, attributes.get("phone_number")):
            detail = "Consent to SMS can only be given to a phone number in a region that this account sends to."
            found.append(invalid(detail, f"{at}/phone_number"))
        if call.settings.age_gated and not attributes.get("age_gated_date_of_birth"):
            detail = "age_gated_date_of_birth is required: this account has SMS age gating enabled."
            found.append(invalid(detail, f"{at}/age_gated_date_of_birth"))
    if found:
        raise Refusal(*found)


def _check_times(told: list[Any], *, historical: bool) -> None:
    """`consented_at` is legal only with historical_import, and then required and past."""
    found: list[Problem] = []
    for index, one in enumerate(told):
        for channel, purposes in one["attributes"]["subscriptions"].items():
            for purpose, said in purposes.items():
                if not isinstance(said, dict) or purpose in ("open_tracking", "tokens"):
                    continue
                at = f"{_ROOT}/{index}/attributes/subscriptions/{channel}/{purpose}/consented_at"
                found += _wrong_time(said.get("consented_at"), at, historical=historical)
    if found:
        raise Refusal(*found)


def _wrong_time(given: str | None, at: str, *, historical: bool) -> list[Problem]:
    if given and not historical:
        return [invalid("consented_at is allowed only when historical_import is true.", at)]
    if historical and not given:
        return [invalid("consented_at is required when historical_import is true.", at)]
    if given and identifiers.parsed(given) > datetime.now(UTC):
        return [invalid("consented_at must be in the past.", at)]
    return []
