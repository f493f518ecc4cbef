"""Reach: whom nothing may make known again, whose no an account must hear first, and who has said no to it.

For whoever knows no referrals and has people's addresses alone, such as actions.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import Q, QuerySet

from integrations.models import Connection, Delivery
from integrations.prepared import Given, Reading
from integrations.reasons import Reason, Who, declare
from klaviyo.consent import decision, opt_outs, owed_erasures, owed_noes, suppression, topics
from klaviyo.mapping.contents import Unsubscribe
from klaviyo.models import Notice, ServedStore, StoreSetting
from referrals import erased as erasures
from referrals import lifecycle, noes, person_key, suppressions
from referrals.lifecycle import consent
from referrals.models import OptIn, OptOut, Store, Suppression
from referrals.person_key import Key

AT_ONCE = 500
FEW = 10
MOST_OF_ALL = 1_000  # people whose noes are brought at once, where it is about everybody
ERASED = suppression.ERASED.saying("They were erased at their own wish: nothing makes them known again.")
HAS_SAID_NO = declare(
    "has_said_no",
    "Has said no",
    "They have said no, which only a proved yes of their own undoes.",
    because="they have said no, and no proved yes of theirs undoes it",
    means="They have unsubscribed at Klaviyo, stand on our own list, or have said no to a store of the account.",
    who=Who.PERSON,
)
STAYS = HAS_SAID_NO.saying("They have complained, cannot be reached, or were suppressed: no action lifts that.")
NAME_THEM = declare(
    "name_the_people",
    "Name the people",
    "Of a list or a segment nobody can be left out, and somebody has complained, said no or was erased. "
    "Give the people by their emails instead.",
    because="of a list or a segment nobody can be left out",
    means="Klaviyo lifts suppressions of whoever is in it at that moment, and does not say whose.",
    who=Who.OPERATOR,
    do="Read who is in it, and give their emails: who has complained, said no or was erased is then left out.",
)
WHOSE_CONVERSATION = declare(
    "whose_conversation",
    "Whose conversation it is",
    "A conversation does not say whose it is, and Klaviyo does not tell; somebody has said no or was erased, and it "
    "may be theirs. Answer in Klaviyo's own inbox.",
    because="nobody can see whose conversation it is",
    means="Klaviyo writes to whoever the conversation is with, and its API does not say who that is.",
    who=Who.OPERATOR,
    do="Answer in Klaviyo's own inbox.",
)
UNKNOWN = decision.UNKNOWN
NO_FIRST = owed_noes.GOES_FIRST
#: Klaviyo's words for what somebody has ended themselves: https://developers.klaviyo.com/en/reference/get_profiles
THEIR_OWN = frozenset({"UNSUBSCRIBE", "UNSUBSCRIBED"})


@dataclass(frozen=True)
class No:
    """Why somebody must not be subscribed. What is for good is lifted by nothing that is asked for here."""

    reason: Reason = HAS_SAID_NO
    is_for_good: bool = False

    @classmethod
    def that(cls, *, is_for_good: bool) -> "No":
        return cls(STAYS if is_for_good else HAS_SAID_NO, is_for_good)


@dataclass
class Owed:
    """What stands of a person: noes that the account has yet to hear (of everything, or of lists), and older ones."""

    email: str
    said: list[OptOut] = field(default_factory=list)
    heard: list[OptOut] = field(default_factory=list)
    list_ids: list[str] = field(default_factory=list)

    @property
    def is_everything(self) -> bool:
        return any(no.scope == OptOut.Scope.EVERYTHING for no in self.said)


def spellings(email: str) -> set[str]:
    """How Klaviyo may have an address of the same mailbox."""
    return suppressions.spellings(email)


def erased(emails: Iterable[str]) -> set[str]:
    """Those whose person was erased, and has not confirmed from their mailbox since that they are back.

    Whatever else names them since may have been typed by anybody.
    """
    return {email for some in _in_parts(emails) for email in _erased(some)}


def named_by(connection: Connection, profile_ids: Collection[str]) -> dict[str, str]:
    """The addresses of profiles by their ids, as far as the account has told us by itself; nobody is asked."""
    found: dict[str, str] = {}
    for some in _in_parts(profile_ids):
        told = Notice.objects.filter(profile_id__in=some, connection=connection).exclude(email="")
        found |= dict(told.order_by("received_at").values_list("profile_id", "email"))
    return found


def standing(connection: Connection, emails: Iterable[str]) -> list[Owed]:
    """Whoever of these has said no to a store of the account, with what the account has yet to hear of it."""
    return [one for some in _in_parts(emails) for one in _standing(connection, some)]


def has_anybody_objected(connection: Connection) -> bool:
    """Whether anybody at all was erased, or has said no to a store of the account."""
    is_erased = Suppression.objects.filter(reason=Suppression.Reason.ERASED).exists()
    return is_erased or OptOut.objects.filter(store__in=served(connection)).exists()


def has_anybody_said_no(connection: Connection) -> bool:
    """Whether anybody at all must not be made reachable by what says not whom it is about."""
    stores = _ever_served(connection)
    listed = Suppression.objects.filter(Q(store=None) | Q(store__in=stores))
    told = Notice.objects.filter(connection=connection, topic__in=topics.OPT_OUTS)
    return listed.exists() or OptOut.objects.filter(store__in=stores).exists() or told.exists()


def owed_by_anybody(connection: Connection) -> list[str] | None:
    """Everybody whose no is on its way to the account; None where they are too many, or not all are queued yet."""
    open_ones = {"place__connection": connection, "place__state__in": Delivery.OPEN}  # by their index
    rows = Delivery.objects.filter(kind=Unsubscribe.kind, **open_ones)
    found = list(rows.exclude(subject="").values_list("subject", flat=True)[: MOST_OF_ALL + 1])
    is_behind = owed_noes.due_settings().filter(connection=connection).exists()
    return None if is_behind or len(found) > MOST_OF_ALL else found


def will_tell(connection: Connection, said: Sequence[OptOut]) -> None:
    """Queue noes for the account, so that it hears of them whatever becomes of what made us look."""
    if said:
        owed_noes.tell_again(connection, said, after=owed_noes.SEEN_TO_AFTER)


def will_erase(connection: Connection, erased: Collection[str], after: timedelta) -> None:
    """The account deletes these erased people once more after that time: something may have come there about them."""
    owed_erasures.reached(connection, erased, after)


def said_no(connection: Connection, emails: Iterable[str]) -> dict[str, No]:
    """Who has said no as far as is known here: on our own list, to a store of the account, or told by it lately."""
    found: dict[str, No] = {}
    for some in _in_parts(emails):
        for email, no in _said_no(connection, some):
            if email not in found or no.is_for_good:
                found[email] = no
    return found


def note_noes(connection: Connection, emails: Iterable[str], *, everything: bool, place: str) -> int:
    """These people have said no: so it stands at each store of the account, also at those that have left it.

    All accounts of these stores are told. How many stores there are.
    """
    stores = list(Store.objects.filter(pk__in=served(connection)).order_by("pk"))
    scope = OptOut.Scope.EVERYTHING if everything else OptOut.Scope.NEWSLETTER
    for email in emails if stores else ():
        for store in stores:
            lifecycle.opt_out(store, email, scope=scope, place=place)
    return len(stores)


def note_yes(connection: Connection, email: str, *, proof: str, wording: str, place: str) -> int:
    """The person's proved yes stands at each store of the account to which they had said no; at how many."""
    stores = _of_account(connection, {no.store_id for no in noes.standing([email])})
    for store in Store.objects.filter(pk__in=stores).order_by("pk"):
        consent.note_yes(store, email, proof=proof, wording=wording, place=place)
    return len(stores)


def _in_parts(names: Iterable[str]) -> Iterator[list[str]]:
    asked = sorted(set(names))
    return (asked[at : at + AT_ONCE] for at in range(0, len(asked), AT_ONCE))


def _erased(emails: Sequence[str]) -> set[str]:
    times = erasures.times(emails, _listed_under)
    gone = {email: at for email in emails if (at := times.get(person_key.of(email)))} if times else {}
    return {email for email, at in gone.items() if not _is_back(email, at)}


def erasures_given(number: int) -> "QuerySet[Suppression, erasures.Listed]":
    """The erasures of so many people, whose keys are given later, by `keys_given`."""
    keys: list[Any] = [(version, Given(_place(version, at))) for version in person_key.READINGS for at in range(number)]
    return erasures.listed_under(keys)


def keys_given(keys: Iterable[Key], number: int) -> dict[str, str]:
    """The keys of no more people than that, as `erasures_given` takes them: some may stand there more than once."""
    of_versions: dict[int, list[str]] = {}
    for version, key in keys:
        of_versions.setdefault(version, []).append(key)
    return {
        _place(version, at): some[min(at, len(some) - 1)]
        for version, some in of_versions.items()
        for at in range(number)
    }


def _listed_under(keys: Iterable[Key]) -> Iterable[erasures.Listed]:
    """Of few people by a query that is written down once for each number of them."""
    number = max(Counter(version for version, _ in keys).values(), default=0)
    if not 0 < number <= FEW:
        return erasures.listed_under(keys)
    return _erasures_of(number).all(**keys_given(keys, number))


@cache
def _erasures_of(number: int) -> "Reading[erasures.Listed]":
    return Reading(lambda: erasures_given(number))


def _place(version: int, at: int) -> str:
    return f"key_{version}_{at}"


def _is_back(email: str, erased_at: datetime) -> bool:
    said = OptIn.objects.filter(person_key.stored("person", person_key.every(email)), proof=OptIn.Proof.CONFIRMED)
    return any((proved or told) > erased_at for proved, told in said.values_list("proved_at", "occurred_at"))


def _standing(connection: Connection, emails: Sequence[str]) -> list[Owed]:
    known = owed_noes.of(connection, emails, _of_account(connection, {no.store_id for no in noes.standing(emails)}))
    if not known.said:
        return []
    settings = StoreSetting.objects.filter(connection=connection).exclude(newsletter_list_id="")
    lists = dict(settings.values_list("store", "newsletter_list_id"))
    found = [Owed(email, known.owed(email), known.taken(email)) for email in emails]
    for one in found:
        one.list_ids = sorted({lists[no.store_id] for no in one.said if no.store_id in lists})
    return [one for one in found if one.said or one.heard]


def _said_no(connection: Connection, emails: Sequence[str]) -> Iterator[tuple[str, No]]:
    stores, owners = _ever_served(connection), person_key.owners(emails)
    for store in [None, *stores]:
        listed = suppressions.of(store, emails)
        for email in emails:
            if own := listed.get(person_key.mailbox(email)):
                yield email, No.that(is_for_good=own.reason != Suppression.Reason.UNSUBSCRIBED)
    for no in noes.standing(emails, stores):
        for email in owners.get((no.key_version, no.person), ()):
            yield email, No.that(is_for_good=no.is_complaint)
    recent = opt_outs.has_recent_notice(connection, emails)
    for email in emails:
        if notice := recent.get(email.lower()):
            yield email, No.that(is_for_good=notice.topic != topics.UNSUBSCRIBED)


def _ever_served(connection: Connection) -> list[int]:
    """The stores of the account, and those that have left it; every store where it has none any more."""
    if StoreSetting.objects.filter(connection=connection).exists():
        return served(connection)
    return list(Store.objects.order_by("pk").values_list("pk", flat=True))


def served(connection: Connection) -> list[int]:
    """The stores of the account, and those that have left it."""
    joined = StoreSetting.objects.filter(connection=connection).values_list("store", flat=True)
    ever = ServedStore.objects.filter(connection=connection).values_list("store", flat=True)
    return sorted(joined.union(ever))


def _of_account(connection: Connection, stores: Collection[int]) -> set[int]:
    """Those of these stores that are the account's, or have left it."""
    return set(stores).intersection(served(connection)) if stores else set()
