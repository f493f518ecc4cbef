"""Ready sources: Sorae's own people, orders, rewards and messages; the one file of syncs that knows referrals.

Who was erased is left out. Nobody's address stands beside that of somebody else after their erasure, and what people
referred to themselves is told to nobody. Names and numbers that were typed into a public form, perhaps by somebody
else, are missing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from klaviyo.models import Send
from klaviyo.syncs.sources.table import BadRow, Row, SourceError, Warned
from referrals import money, standing, suppressions
from referrals.models import Advocate, Conversion, Program, Reward
from referrals.standing import Standing

AT_ONCE = 1000
_ERASED = f"@{suppressions.NOBODY}"
_NOTHING = Decimal(0)

Person = tuple[Advocate, Standing]
Pages = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class ReadyTable:
    """Rows by their ids, some at a time: no cursor stays open, and what is written meanwhile does no harm."""

    _rows: Any
    _values: Mapping[str, Callable[[Any], object]]
    _with: Pages = list

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self._values)

    def __iter__(self) -> Iterator[Row | BadRow | Warned]:
        number, last, values = 0, 0, tuple(self._values.values())
        while page := list(self._rows.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
            last = page[-1].pk
            for number, one in enumerate(self._with(page), number + 1):  # noqa: B020  (it goes on from page to page)
                yield Row(number, tuple([value(one) for value in values]))


def names() -> list[str]:
    """What there is, in plain words."""
    return list(_TABLES)


def table(name: str) -> ReadyTable:
    """Raises SourceError."""
    if name not in _TABLES:
        raise SourceError(f"Sorae has no table {name!r}. There are: {', '.join(_TABLES)}.")
    return _TABLES[name]()


def _people(role: str) -> ReadyTable:
    rows = Advocate.objects.filter(role=role).exclude(email__endswith=_ERASED).select_related("program__store")
    return ReadyTable(rows, _PEOPLE, _with_standings)


def _with_standings(page: Sequence[Advocate]) -> list[Person]:
    standings = standing.of(one.pk for one in page)
    return [(one, standings[one.pk]) for one in page]


def _conversions() -> ReadyTable:
    rows = Conversion.objects.filter(is_own=False).exclude(friend_email__endswith=_ERASED)
    return ReadyTable(rows.select_related("advocate", "program__store", "refunds"), _CONVERSIONS)


def _rewards() -> ReadyTable:
    rows = Reward.objects.exclude(recipient_email__endswith=_ERASED)
    return ReadyTable(rows.select_related("advocate__program__store", "conversion"), _REWARDS)


def _sends() -> ReadyTable:
    rows = Send.objects.exclude(invite__recipient_email__endswith=_ERASED)
    whole = rows.select_related("invite__advocate", "reminder", "program__store", "delivery")
    return ReadyTable(whole, _SENDS)


def _address(email: str) -> str | None:
    return None if suppressions.is_erased(email) else email


def _typed(advocate: Advocate, said: str) -> str | None:
    return None if advocate.by_anybody else said or None


def _sum(sums: Mapping[str, Decimal], program: Program) -> Decimal:
    return sums.get(program.store.currency, _NOTHING)


_PEOPLE: Mapping[str, Callable[[Person], object]] = {
    "Id": lambda it: str(it[0].uid),
    "Email": lambda it: it[0].email,
    "First name": lambda it: _typed(it[0], it[0].first_name),
    "Last name": lambda it: _typed(it[0], it[0].last_name),
    "Phone": lambda it: _typed(it[0], it[0].phone),
    "Language": lambda it: it[0].locale or None,
    "Tier": lambda it: it[0].tier or None,
    "Referral code": lambda it: it[0].referral_code,
    "Share link": lambda it: it[0].share_link,
    "Store": lambda it: it[0].program.store.slug,
    "Program": lambda it: it[0].program.slug,
    "Joined at": lambda it: it[0].occurred_at,
    "Invites": lambda it: it[1].invites,
    "Visits": lambda it: it[1].visits,
    "Orders": lambda it: it[1].conversions,
    "Rewards": lambda it: it[1].rewards,
    "Earned": lambda it: _sum(it[1].earned, it[0].program),
    "Owed": lambda it: _sum(it[1].owed, it[0].program),
    "Currency": lambda it: it[0].program.store.currency,
}
_CONVERSIONS: Mapping[str, Callable[[Conversion], object]] = {
    "Id": lambda it: str(it.uid),
    "Kind": lambda it: it.kind,
    "Order": lambda it: it.order_id,
    "Refund": lambda it: it.refund_id or None,
    "Refunds order": lambda it: it.refunds.order_id if it.refunds else None,
    "Friend email": lambda it: it.friend_email,
    "Friend first name": lambda it: it.friend_first_name or None,
    "Friend last name": lambda it: it.friend_last_name or None,
    "Friend phone": lambda it: it.friend_phone or None,
    "Advocate email": lambda it: _address(it.advocate.email),
    "Advocate id": lambda it: str(it.advocate.uid),
    "Store": lambda it: it.program.store.slug,
    "Program": lambda it: it.program.slug,
    "Total": lambda it: money.rounded(it.total, it.currency),
    "Currency": lambda it: it.currency,
    "Discount code": lambda it: it.discount_code or None,
    "Lines": lambda it: it.lines,
    "Occurred at": lambda it: it.occurred_at,
}
_REWARDS: Mapping[str, Callable[[Reward], object]] = {
    "Id": lambda it: str(it.uid),
    "Email": lambda it: it.recipient_email,
    "Recipient": lambda it: it.recipient,
    "Kind": lambda it: it.kind,
    "Amount": lambda it: money.rounded(it.amount, it.currency),
    "Currency": lambda it: it.currency,
    "Code": lambda it: it.code or None,
    "Order": lambda it: it.conversion.order_id if it.conversion else None,
    "Advocate email": lambda it: _address(it.advocate.email),
    "Advocate id": lambda it: str(it.advocate.uid),
    "Store": lambda it: it.advocate.program.store.slug,
    "Program": lambda it: it.advocate.program.slug,
    "Issued at": lambda it: it.occurred_at,
    "Expires at": lambda it: it.expires_at,
    "Reversed at": lambda it: it.reversed_at,
    "Reversal reason": lambda it: it.reversal_reason or None,
    "Paid at": lambda it: it.paid_at,
}
_SENDS: Mapping[str, Callable[[Send], object]] = {
    "Id": lambda it: it.pk,
    "Friend email": lambda it: it.invite.recipient_email,
    "Friend name": lambda it: it.invite.recipient_name or None,
    "Kind": lambda it: it.kind,
    "Reminder": lambda it: it.reminder.number if it.reminder else None,
    "Channel": lambda it: it.channel,
    "Advocate email": lambda it: _address(it.invite.advocate.email),
    "Invite id": lambda it: str(it.invite.uid),
    "Store": lambda it: it.program.store.slug,
    "Program": lambda it: it.program.slug,
    "State": lambda it: it.delivery.state,
    "Reason": lambda it: it.delivery.reason_code or None,
    "Made at": lambda it: it.created_at,
    "Mailed at": lambda it: it.mailed_at,
    "Bounced at": lambda it: it.bounced_at,
}
_TABLES: Mapping[str, Callable[[], ReadyTable]] = {
    "advocates": lambda: _people(Advocate.Role.ADVOCATE),
    "affiliates": lambda: _people(Advocate.Role.AFFILIATE),
    "conversions": _conversions,
    "rewards": _rewards,
    "sends": _sends,
}
