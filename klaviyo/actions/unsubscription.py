"""Unsubscription of people: by their addresses, and off a list only whoever is on it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from klaviyo.actions import dry_run, external_ids, jobs, people, said_no
from klaviyo.actions.channels import block
from klaviyo.actions.consent_inputs import Unsubscriber
from klaviyo.actions.parts import LARGEST, leave_out
from klaviyo.actions.task import Refused, Task
from klaviyo.api import answers, bodies, filters, values
from klaviyo.api.answers import members, words
from klaviyo.consent import reach

UNSUBSCRIBED_AT_ONCE = 100  # https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles
NOT_ON_LIST = "not_on_list"


def note(task: Task, emails: Iterable[str], *, everything: bool) -> None:
    """They have said no to e-mail: so it stands in Sorae, whatever becomes of the request."""
    said = [] if task.is_dry else list(emails)
    if said and not reach.note_noes(task.connection, said, everything=everything, place=said_no.PLACE):
        sentence = "No store was ever joined to this account, so their no stands at Klaviyo alone."
        task.warn("kept_at_klaviyo", sentence, people=len(said))


def noted(task: Task, body: Any) -> None:
    """As `note`, of an unsubscribe that somebody has written themselves. What cannot be read is nobody's no."""
    data = members(bodies.read(body).get("data"))
    people = members(members(data.get("attributes")).get("profiles")).get("data")
    asked = [members(members(one).get("attributes")) for one in people] if isinstance(people, list) else []
    ended_mail = [one for one in asked if "email" in members(one.get("subscriptions") or {"email": {}})]
    emails = {words(one.get("email")) for one in ended_mail} - {""}
    named = [email for email in sorted(emails) if not values.email_problem(email)]
    note(task, named, everything=not members(data.get("relationships")).get("list"))


def with_addresses(task: Task, given: Sequence[Unsubscriber]) -> dict[int, Unsubscriber]:
    """The people by their place, each with an address or a number: Klaviyo takes no ids here."""
    resolved = external_ids.resolved(task, given)
    ids = sorted({one.id for one in resolved.values() if one.id and _lacks(one)})
    known: dict[str, Any] = {}
    for part in jobs.parts(ids, said_no.LOOKED_UP_AT_ONCE, LARGEST):
        found = task.call("get_profiles", query=_query("id", part)).data
        if not isinstance(found, list):
            raise answers.Unreadable("people")
        for item in found:
            task.guard.meet(item)
            known[words(members(item).get("id"))] = members(members(item).get("attributes"))
    whom: dict[int, Unsubscriber] = {}
    for at, one in resolved.items():
        if one.id in ids:
            told = known.get(str(one.id), {})
            named = {name: one_told for name in ("email", "phone_number") if (one_told := _usable(told, name))}
            named |= one.given("email", "phone_number")
            if task.is_dry:
                named = {"email": dry_run.ID}
            if not named or (not task.is_dry and _lacks(one.model_copy(update=named))):
                leave_out(task, at, "not_found", "Klaviyo knows nobody by that, or no address of theirs.")
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
    names = ["email" if channel.startswith("email") else "phone_number" for channel in ended(one)]
    return not all(getattr(one, name) for name in names)


def _usable(told: Mapping[str, Any], name: str) -> str:
    """What Klaviyo holds, unless nobody can be written to by it."""
    value = words(told.get(name))
    if name == "email":
        return "" if not value or values.email_problem(value) else value
    return values.phone(value, "") if value else ""


def on_list(task: Task, list_id: str, whom: Mapping[int, Unsubscriber]) -> set[int]:
    """Who of them is on the list."""
    on_it: set[int] = set()
    for name in ("email", "phone_number"):
        mine = {at: one for at, one in whom.items() if _found_by(one) == name}
        for part in jobs.parts(list(mine), said_no.LOOKED_UP_AT_ONCE // 2, LARGEST):
            names = {at: str(getattr(mine[at], name)) for at in part}
            there, others = _there(task, list_id, name, set(names.values()))
            left = {at: value for at, value in names.items() if _plain(value) not in there}
            on_it |= names.keys() - left.keys()
            if task.is_dry:
                on_it |= names.keys()
                continue
            # Somebody may be there by another address of theirs, and is then named by that one.
            if others and name == "email":
                on_it |= {at for at, value in left.items() if any(_there(task, list_id, name, {value}))}
    return on_it


def _there(task: Task, list_id: str, name: str, asked: set[str]) -> tuple[set[str], bool]:
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


def ended(one: Unsubscriber) -> Sequence[str]:
    return one.channels or (["email"] if one.email else ["sms"])


def ending(one: Unsubscriber) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if one.email:
        made["email"] = one.email
    if one.phone_number:
        made["phone_number"] = people.phone(one.phone_number, None)
    return made | {"subscriptions": block(ended(one), {"consent": "UNSUBSCRIBED"})}
