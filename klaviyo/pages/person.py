"""Person record: their memberships as an advocate, invites and orders as a friend, opt-ins and opt-outs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, QuerySet, Subquery, Value, Window
from django.db.models.functions import Lower, RowNumber

from klaviyo.models import Send
from klaviyo.pages import person_money, person_words, send_summary
from klaviyo.pages.permissions import Part
from klaviyo.pages.person_money import Amount, Money
from klaviyo.pages.person_words import Word, Words
from klaviyo.pages.send_summary import Row
from referrals import person_key, standing, suppressions
from referrals.models import Advocate, Conversion, Invite, OptIn, OptOut, Reward
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
    money: Money = field(default_factory=Money)
    words: Words = field(default_factory=Words)

    @property
    def is_known(self) -> bool:
        return any(
            (self.is_friend, self.memberships, self.money.rewards, self.opt_ins, self.opt_outs, self.suppressions)
        )

    @property
    def opt_ins(self) -> list[Word]:
        return self.words.opt_ins

    @property
    def opt_outs(self) -> list[Word]:
        return [word for word in self.words.opt_outs if word.has_address][:SHOWN]

    @property
    def suppressions(self) -> list[Word]:
        return self.words.suppressions

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is closed to whoever asks."""
        return len(self.open) == len(Part)

    @property
    def is_friend(self) -> bool:
        return bool(self.received or self.orders or self.rewards_as_friend)

    @property
    def orders(self) -> Sequence[Amount]:
        return self.money.orders

    @property
    def rewards_as_advocate(self) -> list[Amount]:
        return [reward for reward in self.money.rewards if reward.recipient == Reward.Recipient.ADVOCATE]

    @property
    def rewards_as_friend(self) -> list[Amount]:
        return [reward for reward in self.money.rewards if reward.recipient == Reward.Recipient.FRIEND]

    @property
    def addresses(self) -> set[str]:
        """Each spelling that is stored somewhere."""
        stored = {membership.advocate.email for membership in self.memberships}
        stored |= {received.invite.recipient_email for received in self.received}
        return stored | {order.email for order in self.orders} | suppressions.spellings(self.email)


def beside(advocate_id: int) -> list[Advocate]:
    """The latest places in programs that are stored by the same address as this one; none where it is not there."""
    address = Advocate.objects.filter(pk=advocate_id).values(mailbox=Lower("email"))
    return _newest(Advocate.objects.alias(mailbox=Lower("email")).filter(mailbox=Subquery(address)))


def of(email: str, open: Collection[Part] = tuple(Part), *, known: Sequence[Advocate] = ()) -> Person:
    """The person with this address, as far as it is open; one whom nobody knows is no error.

    `known` are the places by one spelling, which are all there are where an address has no other.
    """
    advocates = list(known) if len(suppressions.spellings(email)) == 1 else []
    if Part.MEMBERSHIPS not in open:
        advocates = []
    elif not advocates:
        advocates = _newest(at(Advocate, "email", email))
    invited, received = _invites(advocates, at(Invite, "recipient_email", email))
    memberships = _memberships(advocates, invited)
    money = person_money.of(
        at(Conversion, "friend_email", email), at(Reward, "recipient_email", email), open, most=SHOWN
    )
    return Person(
        email=person_key.mailbox(email),
        name=_name(memberships, received, money.orders),
        open=open,
        memberships=memberships,
        received=received,
        money=money,
        words=person_words.of(email, open, SHOWN),
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


def _memberships(advocates: Sequence[Advocate], invites: Iterable[Invited]) -> list[Membership]:
    figures = standing.of(advocate.pk for advocate in advocates)
    invited: dict[int, list[Invited]] = {advocate.pk: [] for advocate in advocates}
    for one in invites:
        invited[one.invite.advocate_id].append(one)
    return [Membership(advocate, figures[advocate.pk], invited[advocate.pk]) for advocate in advocates]


def _invites(advocates: Sequence[Advocate], received: "QuerySet[Invite]") -> tuple[list[Invited], list[Invited]]:
    """The latest invites of each of these advocates, and the latest of those received; each newest first.

    Two queries: one for the invites, and one for what was sent of them.
    """
    rank = Window(RowNumber(), partition_by=F("advocate"), order_by=F("pk").desc())
    ranked = Invite.objects.filter(advocate__in=advocates).annotate(rank=rank).filter(rank__lte=INVITES_SHOWN)
    theirs = _with_advocates(ranked.values("pk")).annotate(is_received=Value(False))
    others = _with_advocates(received.order_by("-pk").values("pk")[:SHOWN]).annotate(is_received=Value(True))
    invites: list[Any] = sorted(theirs.union(others, all=True), key=lambda invite: invite.pk, reverse=True)
    sends: dict[int, list[Row]] = {invite.pk: [] for invite in invites}
    for send in send_summary.related(Send.objects.filter(invite__in=sends)).order_by("-pk"):
        sends[send.invite_id].append(send_summary.row(send))
    found = [(invite.is_received, Invited(invite, sends[invite.pk])) for invite in invites]
    return [one for is_received, one in found if not is_received], [one for is_received, one in found if is_received]


def _with_advocates(pks: "QuerySet[Any, Any]") -> "QuerySet[Invite]":
    return Invite.objects.filter(pk__in=pks).select_related("advocate__program__store").order_by()


def _newest(advocates: "QuerySet[Advocate]") -> list[Advocate]:
    return list(advocates.select_related("program__store").order_by("-pk")[:SHOWN])


def _name(memberships: Sequence[Membership], received: Sequence[Invited], orders: Sequence[Amount]) -> str:
    """What somebody called them, they themselves first."""
    names = [f"{each.advocate.first_name} {each.advocate.last_name}" for each in memberships]
    names += [order.name for order in orders]
    names += [each.invite.recipient_name for each in received]
    return next((name.strip() for name in names if name.strip()), "")
