"""Subscriptions: consent, and only where a row says yes or no. Each person is looked at right before.

Subscribing lifts what somebody has ended: so nobody is subscribed who has said no, there or here, whatever a column
says. https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integrations.outcomes import CalledOff, Skipped
from klaviyo.api import lists, profile_search, profiles, subscriptions
from klaviyo.api.answers import words
from klaviyo.api.profiles import Profile
from klaviyo.consent import reach
from klaviyo.models import Sync, SyncRow
from klaviyo.syncs.changes import settling
from klaviyo.syncs.changes.settling import Change, Said
from klaviyo.syncs.destinations import people
from klaviyo.syncs.destinations.work import EMAIL, Work, plain

if TYPE_CHECKING:
    from klaviyo.actions.said_no import Person

MOST_ENDED = subscriptions.MOST_UNSUBSCRIBED
CHANNELS = ("email", "sms")
PLACE = "The sync “{name}”"
State = SyncRow.State

NOT_ASKED = Said("The row says no yes; it is not taken for a no either.", "no_yes")
NO_CONSENT_TIME = Said(
    "Without the time of the consent nobody is subscribed by an import of the past.", "no_consent_time"
)


@dataclass
class Seen:
    """Who Klaviyo knows, by what they were asked for by; and of whom nothing could be learnt."""

    profiles: dict[str, Profile]
    unclear: set[str]


def most(sync: Sync) -> int:
    return subscriptions.MOST_SUBSCRIBED if sync.mode == Sync.Mode.SUBSCRIBE else MOST_ENDED


def send(work: Work) -> None:
    """Subscribe or unsubscribe a chunk's people. Raises IntegrationError."""
    people.leave_out_the_erased(work)
    if not work.changes:
        return
    if work.sync.mode == Sync.Mode.UNSUBSCRIBE:
        _leave_out_the_silent(work)
        if work.changes:
            unsubscribe(work, work.changes)
            reached = [change.n for change in work.changes if work.emails_of(change) or _number(work, change)]
            work.told(reached)
            work.refused({change.n: people.UNKNOWN for change in work.changes}, State.UNKNOWN)
        return
    subscribe(work)


def end(work: Work) -> None:
    """Whoever has left the source is unsubscribed, as somebody has chosen. Raises IntegrationError."""
    wanted = {change.identity for change in work.changes}
    stay = settling.still_stand(work.run, wanted)
    unsubscribe(work, [change for change in work.changes if change.identity not in stay])
    work.forget()


def subscribe(work: Work) -> None:
    """Those who have said yes, and against whom nothing speaks."""
    is_historical = bool(work.sync.options.get("historical"))
    _leave_out_the_silent(work)
    if is_historical:
        untimed = {change.n: NO_CONSENT_TIME for change in work.changes if not change.payload.get("consented_at")}
        work.refused(untimed, State.REJECTED)
    list_id = str(work.sync.options.get("list_id") or "") or None
    seen = _look(work)
    _leave_out(work, seen, list_id)
    there = {change.n for change in work.changes if _is_subscribed(work, change, seen)}
    work.told(there, State.CONFIRMED)
    if not work.changes:
        return
    if work.chunk.is_unsure:  # never again by itself
        work.told([change.n for change in work.changes], State.PENDING)
        return
    if not list_id and not is_historical:
        _make(work, seen)
    asked_of = work.emails

    def look() -> None:
        work.look()
        if reach.said_no(work.sync.connection, asked_of):
            raise CalledOff(Skipped(reach.HAS_SAID_NO))

    waits = not is_historical and bool(list_id) and lists.one(work.client, str(list_id)).is_double_opt_in
    told = [_asked_for(work, change) for change in work.changes]
    subscriptions.subscribe_all(
        work.client, told, list_id, PLACE.format(name=work.sync.name), is_historical=is_historical, last_look=look
    )
    work.count_request()
    people.after_a_yes(work, asked_of)
    work.told([change.n for change in work.changes], State.PENDING if waits else State.ACCEPTED)


def sample(work: Work, change: Change) -> dict[str, Any]:
    """What would be said, if nothing speaks against it."""
    if work.sync.mode == Sync.Mode.UNSUBSCRIBE:
        return {"unsubscribe": change.identity}
    return _asked_for(work, change) if _channels(change) else {"nothing": NOT_ASKED.reason}


def unsubscribe(work: Work, changes: Sequence[Change]) -> None:
    """Their no stands in Sorae first, whatever becomes of the request."""
    list_id = str(work.sync.options.get("list_id") or "") or None
    people.learn_addresses(work, changes)
    emails = sorted({email for change in changes for email in work.emails_of(change)})
    reach.note_noes(work.sync.connection, emails, everything=list_id is None, place=PLACE.format(name=work.sync.name))
    if list_id:  # whoever is not on it would be unsubscribed from everything
        emails = [email for email in emails if lists.is_member(work.client, list_id, email)]
    for at in range(0, len(emails), MOST_ENDED):
        work.keep()
        subscriptions.unsubscribe_all(work.client, emails[at : at + MOST_ENDED], list_id)
        work.count_request()
    numbers = sorted({number for change in changes if (number := _number(work, change))})
    for at in range(0, len(numbers), MOST_ENDED):
        work.keep()
        subscriptions.unsubscribe_numbers(work.client, numbers[at : at + MOST_ENDED])
        work.count_request()


def _number(work: Work, change: Change) -> str:
    """The number that gets no more text messages: where the row says so, or has left and was subscribed by it."""
    is_meant = bool(change.payload.get("sms")) if change.payload else "sms" in work.sync.mapping["consent"]
    return _person(work, change).phone_number if is_meant else ""


def _leave_out_the_silent(work: Work) -> None:
    """A row that says no yes says nothing; what was told of it before stays."""
    work.refused({change.n: NOT_ASKED for change in work.changes if not _channels(change)}, State.NOT_SENT)


def _channels(change: Change) -> tuple[str, ...]:
    return tuple(channel for channel in CHANNELS if change.payload.get(channel))


def _person(work: Work, change: Change) -> "Person":
    from klaviyo.actions.said_no import Person  # heavy

    names = {"email": change.identity if work.by == EMAIL else change.email}
    names["phone_number"] = change.identity if work.by == "phone_number" else words(change.payload.get("phone_number"))
    return Person(**names, id=change.identity if work.by == "id" else "", channels=_channels(change))


def _look(work: Work) -> Seen:
    """Klaviyo's own word about each, asked now."""
    seen = Seen({}, set())
    identities = [change.identity for change in work.changes]
    if work.by == EMAIL:
        answer = profile_search.find(work.client, identities, spelt=reach.spellings)
        by_name = {plain(name): profile for name, profile in answer.profiles.items()}
        unclear = {plain(name) for name in answer.unclear}
        seen.profiles = {one: by_name[plain(one)] for one in identities if plain(one) in by_name}
        seen.unclear = {one for one in identities if plain(one) in unclear}
    else:
        for at in range(0, len(identities), people.AT_ONCE):
            for profile in profiles.having(work.client, work.by, identities[at : at + people.AT_ONCE]):
                name = profile.id if work.by == "id" else words(profile.attributes.get(work.by))
                seen.profiles[name] = profile
    for change in work.changes:
        profile_of = seen.profiles.get(change.identity)
        if profile_of and profile_of.address:
            work.addresses.setdefault(change.n, set()).add(plain(profile_of.address))
    return seen


def _leave_out(work: Work, seen: Seen, list_id: str | None) -> None:
    """Who has said no, at Klaviyo or here; and whom nobody could ask about, who waits for the next run."""
    from klaviyo.actions import said_no  # heavy

    people.leave_out_the_erased(work)
    here = reach.said_no(work.sync.connection, work.emails)
    said: dict[int, Said] = {}
    for change in work.changes:
        noes = [here[email] for email in work.emails_of(change) if email in here]
        found = seen.profiles.get(change.identity)
        if found and (no := said_no.there(found, _person(work, change), list_id)):
            noes.append(no)
        if noes:
            no = next((one for one in noes if one.is_for_good), noes[0])
            said[change.n] = Said(no.reason.sentence, no.reason.code)
        elif change.identity in seen.unclear:
            said[change.n] = Said(reach.UNKNOWN.sentence, reach.UNKNOWN.code)
        elif work.by in ("id", "external_id") and not found:
            said[change.n] = people.UNKNOWN
    work.refused({n: one for n, one in said.items() if one != people.UNKNOWN}, State.NOT_SENT)
    work.refused({n: one for n, one in said.items() if one == people.UNKNOWN}, State.UNKNOWN)


def _is_subscribed(work: Work, change: Change, seen: Seen) -> bool:
    from klaviyo.actions import said_no  # heavy

    found = seen.profiles.get(change.identity)
    return found is not None and said_no.is_subscribed(found, _person(work, change))


def _make(work: Work, seen: Seen) -> None:
    """Whom Klaviyo does not know it would ignore, without a list: so they are made first."""
    for change in work.changes:
        if change.identity not in seen.profiles:
            work.keep()
            person = _person(work, change)
            named = {"email": person.email, "phone_number": person.phone_number}
            profiles.upsert(work.client, profiles.body_of({name: one for name, one in named.items() if one}))


def _asked_for(work: Work, change: Change) -> dict[str, Any]:
    """A person in the request: with what each channel needs, and not a word about the others."""
    person = _person(work, change)
    consent: dict[str, Any] = {"consent": "SUBSCRIBED"}
    if work.sync.options.get("historical"):
        consent["consented_at"] = change.payload["consented_at"]
    attributes: dict[str, Any] = {"subscriptions": {one: {"marketing": consent} for one in person.channels}}
    if person.email:
        attributes["email"] = person.email
    if person.phone_number and ("sms" in person.channels or not person.email):
        attributes["phone_number"] = person.phone_number
    return {"type": "profile"} | ({"id": person.id} if person.id else {}) | {"attributes": attributes}
