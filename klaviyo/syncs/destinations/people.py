"""People of a chunk: who was erased is left out, and who has said no is not made known before Klaviyo has heard it."""

from collections.abc import Collection, Iterator, Sequence

from klaviyo.api import profile_search, profiles, subscriptions
from klaviyo.api.answers import words
from klaviyo.api.client import Client
from klaviyo.api.profiles import Profile
from klaviyo.consent import reach
from klaviyo.consent.reach import Owed
from klaviyo.models import SyncRow
from klaviyo.syncs.changes.settling import Change, Said
from klaviyo.syncs.destinations.work import EMAIL, IN_A_JOB, Work, plain

AT_ONCE = profiles.LOOKED_UP_AT_ONCE
UNKNOWN = Said("Klaviyo does not know them, and this sync makes nobody known.", "unknown_profile")
NO_SUCH_ID = Said("Klaviyo has no profile of this id: the id field takes only Klaviyo's own ids.", "no_such_id", "id")


def look_at_everybody(work: Work) -> None:
    """Who was erased is taken out; whose no the account has yet to hear, it hears now. Raises IntegrationError."""
    if not work.changes or not reach.has_anybody_objected(work.sync.connection):
        return
    learn_addresses(work, work.changes)
    leave_out_the_erased(work)
    bring_noes(work.client, work.emails)


def leave_out_the_erased(work: Work) -> None:
    """Of people who were erased nothing is told, and no row is kept."""
    gone = reach.erased(work.emails)
    work.erased([change.n for change in work.changes if gone & work.emails_of(change)])


def bring_noes(client: Client, emails: Collection[str]) -> None:
    """Before these are made known, or changed: the account is told what they have said no to, and has yet to hear.

    Who has no profile is told of anew in any case: before one is made, and again when it is there.
    """
    standing = reach.standing(client.connection, emails)
    if not standing:
        return
    known = set(profile_search.find(client, {one.email for one in standing}, spelt=reach.spellings).profiles)
    first = [one for one in standing if one.said or plain(one.email) not in known]
    reach.will_tell(client.connection, [no for one in first for no in (*one.said, *one.heard)])
    everything = [one for one in first if _is_everything(one)]
    for some in _parts([one.email for one in everything], subscriptions.MOST_UNSUBSCRIBED):
        subscriptions.unsubscribe_all(client, some, None)
    for one in first:
        for list_id in () if _is_everything(one) else one.list_ids:
            if lists_member(client, list_id, one.email):
                subscriptions.unsubscribe_all(client, [one.email], list_id)


def after(work: Work, emails: Collection[str]) -> None:
    """After a request: what somebody said while it was on its way, the account is told again; so of an erasure."""
    connection = work.sync.connection
    if not emails or not reach.has_anybody_objected(connection):
        return
    reach.will_tell(connection, [no for one in reach.standing(connection, emails) for no in one.said])
    if gone := reach.erased(emails):
        reach.will_erase(connection, gone, IN_A_JOB)


def after_a_yes(work: Work, emails: Collection[str]) -> None:
    """After a request that lifts noes, made when nobody had said any: whatever stands by now came beside it."""
    connection = work.sync.connection
    if emails and reach.has_anybody_objected(connection):
        reach.will_tell(
            connection, [no for one in reach.standing(connection, emails) for no in (*one.said, *one.heard)]
        )
        after(work, emails)


def only_the_known(work: Work) -> None:
    """Whom Klaviyo does not know is left for the next run; an id that it does not know is refused."""
    if work.by == "id":
        found = set(profiles.of_ids(work.client, [change.identity for change in work.changes]))
        work.refused({change.n: NO_SUCH_ID for change in work.changes if change.identity not in found})
        return
    ids = find(work.client, work.by, [change.identity for change in work.changes])
    unknown = {change.n: UNKNOWN for change in work.changes if change.identity not in ids}
    work.refused(unknown, SyncRow.State.UNKNOWN)


def find(client: Client, by: str, identities: Sequence[str]) -> dict[str, str]:
    """The ids of profiles, by what the people are named by. Raises IntegrationError."""
    if by == "id":
        return {id: id for id in profiles.of_ids(client, identities)}
    if by == EMAIL:
        answer = profile_search.find(client, identities, spelt=reach.spellings)
        if answer.unclear:
            raise next(iter(answer.unclear.values()))
        found = {plain(name): profile.id for name, profile in answer.profiles.items()}
        return {one: found[plain(one)] for one in identities if plain(one) in found}
    told = (profile for some in _parts(identities, AT_ONCE) for profile in profiles.having(client, by, some))
    return {words(profile.attributes.get(by)): profile.id for profile in told}


def lists_member(client: Client, list_id: str, email: str) -> bool:
    from klaviyo.api import lists

    return lists.is_member(client, list_id, email)


def _is_everything(one: Owed) -> bool:
    return any(no.scope == no.Scope.EVERYTHING for no in (*one.said, *one.heard))


def learn_addresses(work: Work, changes: Sequence[Change]) -> None:
    """Of people who are named by something else alone, Klaviyo is asked whose it is."""
    nameless: dict[str, list[Change]] = {}
    for change in changes:
        if not work.emails_of(change) and change.identity:
            nameless.setdefault(change.identity, []).append(change)
    for some in _parts(sorted(nameless), AT_ONCE):
        for profile in profiles.having(work.client, work.by, some):
            for change in nameless.get(_named(profile, work.by), ()):
                work.addresses.setdefault(change.n, set()).add(plain(profile.address))


def _named(profile: Profile, by: str) -> str:
    return profile.id if by == "id" else words(profile.attributes.get(by))


def _parts(items: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    return (items[at : at + most] for at in range(0, len(items), most))
