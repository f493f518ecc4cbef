"""Person record: their memberships as an advocate, invites and orders as a friend, opt-ins and opt-outs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, QuerySet, Window
from django.db.models.functions import Lower, RowNumber

from klaviyo.models import Send
from klaviyo.pages import send_summary
from klaviyo.pages.permissions import Part
from klaviyo.pages.send_summary import Row
from referrals import person_key, standing, suppressions
from referrals.models import Advocate, Conversion, Invite, OptIn, OptOut, Reward, Suppression
from referrals.standing import Standing

SHOWN = 25
INVITES_SHOWN = 10  # of each program


@dataclass(frozen=True)
class Membership:
    """The person in one program, with figures and their latest invites."""

    advocate: Advocate
    standing: Standing
    invites: Sequence["Invited"]


@dataclass(frozen=True)
class Invited:
    """An invite, and what was sent of it; nothing where the store was joined to no account."""

    invite: Invite
    sends: Sequence[Row]


@dataclass(frozen=True)
class Person:
    """A person, found by an address in any spelling; the lists are the latest, newest first; empty where not `open`."""

    email: str
    name: str
    open: Collection[Part]
    memberships: list[Membership] = field(default_factory=list)
    received: list[Invited] = field(default_factory=list)
    orders: list[Conversion] = field(default_factory=list)
    rewards: list[Reward] = field(default_factory=list)
    opt_ins: list[OptIn] = field(default_factory=list)
    opt_outs: list[OptOut] = field(default_factory=list)
    suppressions: list[Suppression] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        return any((self.is_friend, self.memberships, self.rewards, self.opt_ins, self.opt_outs, self.suppressions))

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is closed to whoever asks."""
        return len(self.open) == len(Part)

    @property
    def is_friend(self) -> bool:
        return bool(self.received or self.orders or self.rewards_as_friend)

    @property
    def rewards_as_advocate(self) -> list[Reward]:
        return [reward for reward in self.rewards if reward.recipient == Reward.Recipient.ADVOCATE]

    @property
    def rewards_as_friend(self) -> list[Reward]:
        return [reward for reward in self.rewards if reward.recipient == Reward.Recipient.FRIEND]

    @property
    def addresses(self) -> set[str]:
        """Each spelling that is stored somewhere."""
        stored = {membership.advocate.email for membership in self.memberships}
        stored |= {received.invite.recipient_email for received in self.received}
        return stored | {order.friend_email for order in self.orders} | suppressions.spellings(self.email)


def of(email: str, open: Collection[Part] = tuple(Part)) -> Person:
    """The person with this address, as far as it is open; one whom nobody knows is no error."""

    def rows(part: Part, model: type[Any], field: str, *related: str) -> list[Any]:
        return _newest(at(model, field, email).select_related(*related)) if part in open else []

    memberships = _memberships(rows(Part.MEMBERSHIPS, Advocate, "email", "program__store"))
    received = _invited(_newest(_with_advocates(at(Invite, "recipient_email", email))))
    orders = rows(Part.ORDERS, Conversion, "friend_email", "advocate", "program")
    listed = Suppression.objects.filter(person_key.stored("mailbox_hash", person_key.every(email)))
    listed = listed.select_related("store")
    return Person(
        email=person_key.mailbox(email),
        name=_name(memberships, received, orders),
        open=open,
        memberships=memberships,
        received=received,
        orders=orders,
        rewards=rows(Part.REWARDS, Reward, "recipient_email", "advocate__program"),
        opt_ins=rows(Part.OPT_INS, OptIn, "email", "store", "wording"),
        opt_outs=rows(Part.OPT_OUTS, OptOut, "email", "store"),
        suppressions=list(listed.order_by("-pk")) if Part.SUPPRESSIONS in open else [],
    )


def counts(email: str) -> list[tuple[str, int]]:
    """How much an erasure would touch, in words."""
    found = {
        "Places in programs": at(Advocate, "email", email),
        "Invites received": at(Invite, "recipient_email", email),
        "Orders": at(Conversion, "friend_email", email),
        "Rewards": at(Reward, "recipient_email", email),
        "Opt-ins": at(OptIn, "email", email),
        "Opt-outs": at(OptOut, "email", email),
        "Sends": Send.objects.filter(invite__in=at(Invite, "recipient_email", email)),
    }
    return [(words, rows.count()) for words, rows in found.items()]


def at(model: type[Any], field: str, email: str) -> "QuerySet[Any]":
    """The rows that have the address in a field, in any spelling."""
    found: QuerySet[Any] = model.objects.alias(mailbox=Lower(field))
    return found.filter(mailbox__in=suppressions.spellings(email))


def _memberships(advocates: Sequence[Advocate]) -> list[Membership]:
    """With the latest invites of each, all of them in one query."""
    figures = standing.of(advocate.pk for advocate in advocates)
    rank = Window(RowNumber(), partition_by=F("advocate"), order_by=F("pk").desc())
    latest = Invite.objects.filter(advocate__in=advocates).annotate(rank=rank).filter(rank__lte=INVITES_SHOWN)
    invited: dict[int, list[Invited]] = {advocate.pk: [] for advocate in advocates}
    for one in _invited(_with_advocates(latest).order_by("-pk")):
        invited[one.invite.advocate_id].append(one)
    return [Membership(advocate, figures[advocate.pk], invited[advocate.pk]) for advocate in advocates]


def _with_advocates(invites: "QuerySet[Invite]") -> "QuerySet[Invite]":
    return invites.select_related("advocate__program__store")


def _invited(invites: Iterable[Invite]) -> list[Invited]:
    """With what was sent of each, in one query."""
    rows = list(invites)
    sends: dict[int, list[Row]] = {invite.pk: [] for invite in rows}
    for send in send_summary.related(Send.objects.filter(invite__in=sends)).order_by("-pk"):
        sends[send.invite_id].append(send_summary.row(send))
    return [Invited(invite, sends[invite.pk]) for invite in rows]


def _newest(rows: "QuerySet[Any]", most: int = SHOWN) -> list[Any]:
    return list(rows.order_by("-pk")[:most])


def _name(memberships: Sequence[Membership], received: Sequence[Invited], orders: Sequence[Conversion]) -> str:
    """What somebody called them, they themselves first."""
    names = [f"{each.advocate.first_name} {each.advocate.last_name}" for each in memberships]
    names += [f"{order.friend_first_name} {order.friend_last_name}" for order in orders]
    names += [each.invite.recipient_name for each in received]
    return next((name.strip() for name in names if name.strip()), "")
