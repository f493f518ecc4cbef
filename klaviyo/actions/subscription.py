"""Subscription of people: who has said no is left out first, and what became of it can be read back."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC
from functools import partial
from typing import Any

from klaviyo.actions import parts, people, said_no
from klaviyo.actions.channels import block
from klaviyo.actions.consent_inputs import Subscriber, Subscribing, SubscribingOne
from klaviyo.actions.parts import leave_out
from klaviyo.actions.refusals import OfPeople
from klaviyo.actions.said_no import Person
from klaviyo.actions.task import Refused, Task, resource
from klaviyo.api import partial_success
from klaviyo.api.answers import members, words
from klaviyo.consent import reach
from klaviyo.consent.reach import No

SUBSCRIBED_AT_ONCE = 1_000  # https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
LOOKS = 5  # at what became of a subscription
BETWEEN_LOOKS = 2.0  # seconds
BY_MAIL_ALONE = "They are subscribed to e-mail alone, as Klaviyo refuses the rest:"
NUMBER_IGNORED = "Klaviyo took the request without the phone number, so they are not subscribed."


def subscribe(
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
    try:
        task.guard.bring(task, set().union(*theirs))
    except OfPeople as untold:
        noes |= {at: No(reach.NO_FIRST) for at in kept if theirs[at] & untold.names}
        kept = [at for at in kept if not theirs[at] & untold.names]
    for at in sorted(set(range(len(persons))) - set(kept)):
        reason = noes[at].reason
        if kept or len(persons) > 1:
            leave_out(task, at, reason.code, reason.sentence)
    if not kept:
        worst = next((no for no in noes.values() if no.is_for_good), next(iter(noes.values())))
        raise Refused(worst.reason.code, worst.reason.sentence, pointer="/profiles" if len(persons) > 1 else "")
    going = [persons[at] for at in kept]
    task.guard.may_be_subscribed |= set().union(*(person.names for person in going))
    task.guard.accept(set().union(*(theirs[at] for at in kept)))
    is_historical = isinstance(given, Subscribing) and given.historical_import
    if not list_id and not is_historical:
        kept = _made(task, persons, kept, found)
    body = partial(_job, source=given.custom_source, list_id=list_id, is_historical=is_historical)
    items = [(at, asked[at]) for at in kept]
    operation, most = "bulk_subscribe_profiles", SUBSCRIBED_AT_ONCE
    sent = parts.send(task, operation, "profiles", items, body, most=most, instead=_by_mail_alone)
    if len(persons) == 1 and not persons[0].has_mail and partial_success.PHONE in sent[0][1].ignored:
        raise Refused("number_ignored", NUMBER_IGNORED)
    count = parts.count(sent)
    told = {"accepted": True, "count": count, "left_out": len(persons) - count + task.guard.left_out("profiles")}
    going = [replace(persons[at], channels=_asked_for(persons[at], item)) for items, _ in sent for at, item in items]
    return told | ({"subscribed": _read_back(task, going)} if given.confirm else {})


def person_of(task: Task, given: SubscribingOne) -> Person:
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


def asked_of(person: Person, one: Subscriber | None = None) -> dict[str, Any]:
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
    attributes["subscriptions"] = block(person.channels, said)
    return {"type": "profile"} | ({"id": person.id} if person.id else {}) | {"attributes": attributes}


def _by_mail_alone(asked: dict[str, Any]) -> tuple[str, str, Any] | None:
    """For whoever asked for more than e-mail: that yes is not lost with the other.

    Of a region without a number to send from, or an age that was not told, Klaviyo refuses the whole of a request.
    https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
    """
    attributes = asked["attributes"]
    by_mail = {name: one for name, one in attributes["subscriptions"].items() if name == "email"}
    if by_mail == attributes["subscriptions"] or not by_mail:
        return None
    rest = {name: one for name, one in attributes.items() if name not in ("phone_number", "age_gated_date_of_birth")}
    return "by_mail_alone", BY_MAIL_ALONE, asked | {"attributes": rest | {"subscriptions": by_mail}}


def _asked_for(person: Person, asked: dict[str, Any]) -> tuple[str, ...]:
    said = asked["attributes"]["subscriptions"]
    return tuple(channel for channel in person.channels if channel.partition(".")[0] in said)


def _may(task: Task, given: SubscribingOne | Subscribing, emails: Iterable[str], no: No | None) -> bool:
    """Whether nothing speaks against it, or their proved yes undoes what does; that is then on record in Sorae."""
    if no is None:
        return True
    if no.is_for_good or not (given.lift_suppressions and given.proof):
        return False
    for email in () if task.is_dry else emails:
        reach.note_yes(task.connection, email, proof=given.proof, wording=given.opt_in, place=said_no.PLACE)
    return True


def _made(task: Task, persons: Sequence[Person], kept: Sequence[int], found: said_no.Found) -> list[int]:
    """Whom Klaviyo does not know it would ignore (seen live): so they are made first. Who is left, by their places."""
    left: list[int] = []
    refused: OfPeople | None = None
    for at in kept:
        named = {"email": persons[at].email, "phone_number": persons[at].phone_number}
        body = resource("profile", {name: value for name, value in named.items() if value})
        try:
            if not found.of(persons[at]):
                task.call("create_or_update_profile", body=body)
            left.append(at)
        except OfPeople as problem:
            refused = problem
            if len(persons) > 1:
                leave_out(task, at, problem.problem.code, problem.problem.detail)
    if refused and not left:
        raise refused
    return left


def _job(part: Sequence[Any], *, source: str | None, list_id: str | None, is_historical: bool) -> dict[str, Any]:
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
