"""Custom property names on a profile: `sorae_…`, or with the program's name for a person in several programs.

The program that an account first heard of has the plain names, and keeps them. What is told of a person in each of
their programs is stored as it is named, so that no name changes when they join another or a store joins the account.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from itertools import chain, count
from typing import NamedTuple

from django.db import transaction
from django.db.models.functions import Lower

from integrations.models import Connection
from klaviyo.models import PropertyName
from referrals import person_key, suppressions
from referrals.models import Advocate, Store

PLAIN = "sorae_"
NO_INVITES = f"{PLAIN}no_invites"  # not of a program: what a person has said no to

AMOUNTS = ("amount_earned", "amount_owed")  # also with a currency behind them
WORDS = (
    "referral_code",
    "share_link",
    "store",
    "program",
    "program_type",
    "role",
    "tier",
    "invites",
    "visits",
    "conversions",
    "rewards",
    "currency",
    *AMOUNTS,
    *(f"{amount}_eur" for amount in AMOUNTS),
)
WORD = re.compile("|".join([*WORDS, *(f"{amount}_[a-z]{{3}}" for amount in AMOUNTS)]))
TRIES = 10


class Keys(dict[str, set[person_key.Key]]):
    """Under which keys a person may be stored, by address: each is made once."""

    def __missing__(self, email: str) -> set[person_key.Key]:
        self[email] = person_key.every(email)
        return self[email]


class Member(NamedTuple):
    """An advocate, with the short names of their program and its store."""

    pk: int
    email: str
    program: str
    store: str


def of(connection: Connection, advocates: Collection[Advocate]) -> dict[int, str]:
    """What the names begin with, by the advocate's id; whoever has none is given some, for good."""
    people, keys = _not_erased({advocate.pk: advocate.email for advocate in advocates}), Keys()
    prefixes = dict.fromkeys((advocate.pk for advocate in advocates), PLAIN)
    for _ in range(TRIES):
        known = _known(connection, people, keys)
        prefixes |= known
        people = {pk: email for pk, email in people.items() if pk not in known}
        if not people:
            return prefixes
        _name(connection, people, keys)
        # Meanwhile they may have got another address, and another worker may have named what they are in.
        people = _not_erased(dict(Advocate.objects.filter(pk__in=people).values_list("pk", "email")))
    raise AssertionError("unreachable")


def meet(one: str, other: str) -> bool:
    """Whether some property of the one would have the same name as some of the other."""
    short, long = sorted((one, other), key=len)
    rest = long.removeprefix(short)
    return one == other or (len(rest) < len(long) and any(WORD.fullmatch(f"{rest}{word}") for word in WORDS))


def forget(email: str) -> None:
    """Nothing says any more that the person was in a program. Whoever has come back since, as somebody new, stays."""
    keys = person_key.every(email)
    rows = PropertyName.objects.filter(person_key.stored("person", keys)).values_list("pk", "advocate__email")
    PropertyName.objects.filter(pk__in=[pk for pk, now in rows if not keys & person_key.every(now)]).delete()


def _not_erased(people: dict[int, str]) -> dict[int, str]:
    return {pk: email for pk, email in people.items() if not suppressions.is_erased(email)}


def _known(connection: Connection, people: dict[int, str], keys: Keys) -> dict[int, str]:
    """Without those who have another address by now: that is somebody else's profile."""
    rows = PropertyName.objects.filter(connection=connection, advocate__in=people)
    return {
        advocate: prefix
        for advocate, version, person, prefix in rows.values_list("advocate", "key_version", "person", "prefix")
        if (version, person) in keys[people[advocate]]
    }


@transaction.atomic
def _name(connection: Connection, people: dict[int, str], keys: Keys) -> None:
    """Also the other programs of these people, of which the account may hear later."""
    members = _members(connection, people)
    known = _known(connection, {member.pk: member.email for member in members}, keys)
    moved = PropertyName.objects.filter(
        connection=connection, advocate__in=[m.pk for m in members if m.pk not in known]
    )
    before = dict(moved.values_list("advocate", "prefix"))
    if before:
        moved.delete()
    taken = _taken(connection, members, keys)
    rows = []
    for member in members:
        if member.pk not in known:
            person = person_key.of(member.email)
            prefix = _free(_candidates(member, before.get(member.pk)), taken[person])
            taken[person].append(prefix)
            key = {"person": person, "key_version": person_key.VERSION}
            rows.append(PropertyName(connection=connection, advocate_id=member.pk, prefix=prefix, **key))
    # Two workers that wait for each other's rows go in the same order. ON CONFLICT DO NOTHING passes by what another
    # has just taken: https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT
    rows.sort(key=lambda row: (row.person, row.prefix))
    PropertyName.objects.bulk_create(rows, ignore_conflicts=True)


def _members(connection: Connection, people: dict[int, str]) -> list[Member]:
    """All that these people are in at the account, the first first; and whoever of them is told of all the same."""
    here = Store.objects.filter(klaviyo_settings__connection=connection, klaviyo_settings__is_enabled=True)
    spelt = set(chain.from_iterable(suppressions.spellings(email) for email in people.values()))
    everybody = Advocate.objects.order_by("pk")
    theirs = everybody.alias(address=Lower("email")).filter(address__in=spelt, program__store__in=here)
    columns = ("pk", "email", "program__slug", "program__store__slug")
    found = [Member(*row) for row in theirs.values_list(*columns)]
    others = everybody.filter(pk__in=people.keys() - {member.pk for member in found})
    found += [Member(*row) for row in others.values_list(*columns)]
    return [member for member in found if not suppressions.is_erased(member.email)]


def _taken(connection: Connection, members: Iterable[Member], keys: Keys) -> dict[str, list[str]]:
    """What is given to each person already, by the key under which they are stored now.

    Of two people whom an older reading took for one, the names then just differ more than they must.
    """
    now, taken = defaultdict[person_key.Key, set[str]](set), defaultdict[str, list[str]](list)
    for member in members:
        for key in keys[member.email]:
            now[key].add(person_key.of(member.email))
    rows = PropertyName.objects.filter(person_key.stored("person", now), connection=connection)
    for version, digest, prefix in rows.values_list("key_version", "person", "prefix"):
        for person in now[version, digest]:
            taken[person].append(prefix)
    return taken


def _candidates(member: Member, before: str | None) -> Iterator[str]:
    program, store = member.program.replace("-", "_"), member.store.replace("-", "_")
    yield from filter(None, [before])
    yield PLAIN
    yield f"{PLAIN}{program}_"
    yield f"{PLAIN}{store}_{program}_"
    yield from (f"{PLAIN}{store}_{program}_{number}_" for number in count(2))


def _free(candidates: Iterable[str], taken: Collection[str]) -> str:
    return next(one for one in candidates if not _is_reserved(one) and not any(meet(one, other) for other in taken))


@cache
def _is_reserved(prefix: str) -> bool:
    return any(f"{prefix}{word}" == NO_INVITES for word in WORDS)
