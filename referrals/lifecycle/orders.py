"""Conversions and refunds: friends order, and money goes back."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Sum

from referrals import erased, money, order_lines, signals, text, times
from referrals.lifecycle import closing, locks, self_referrals
from referrals.models import Advocate, Conversion, Invite


@transaction.atomic
def convert(
    advocate: Advocate,
    *,
    order_id: str,
    friend_email: str,
    total: money.Amount,
    currency: str,
    friend_first_name: str = "",
    friend_last_name: str = "",
    friend_phone: str = "",
    lines: Iterable[Mapping[str, Any]] = (),
    discount_code: str = "",
    occurred_at: datetime | None = None,
) -> Conversion:
    """A friend orders; an order counts once per program. Sends `conversion_recorded`.

    `lines` are {sku, name, quantity, price of one} in the currency of the order; like the friend's names and phone
    and the discount code they are told along, as well as they can be, and cost no order. An order that the program
    has credited to another advocate is refused. All open invites of the program to the friend are closed. An order
    from before the friend's erasure is stored without them. Of an advocate's own order nobody hears; or it is refused,
    as the program has it.
    """
    moment = times.happened(occurred_at)
    currency = money.currency(currency, at=moment)
    order = Conversion(
        advocate=locks.take(advocate.pk),
        kind=Conversion.Kind.ORDER,
        order_id=text.fit(Conversion, "order_id", order_id, required=True),
        **_friend(friend_email, friend_first_name, friend_last_name, friend_phone),
        lines=order_lines.read(lines, currency),
        discount_code=text.told_in(Conversion, "discount_code", discount_code, whole=True),
        total=money.amount(total, currency, "total"),
        currency=currency,
        occurred_at=moment,
    )
    order.is_own = self_referrals.is_one(order.advocate, order.friend_email)
    if erased.is_older(order.friend_email, occurred_at):
        _take_friend_out(order)
    return _credited(order)


@transaction.atomic
def refund(
    conversion: Conversion,
    *,
    refund_id: str = "",
    total: money.Amount | None = None,
    lines: Iterable[Mapping[str, Any]] = (),
    occurred_at: datetime | None = None,
) -> Conversion:
    """Money goes back for an order: `total` of it, or all that is left; each refund id once.

    The total is positive, in the currency of the order; no more goes back than was paid. An order has one refund
    without an id. Sends `conversion_refunded`.
    """
    person = locks.take(conversion.advocate_id)
    order = person.conversions.filter(pk=conversion.pk, kind=Conversion.Kind.ORDER).first()
    if order is None:
        raise text.refused("conversion", "is not an order that is stored. Give the order, not a refund of it.")
    new = Conversion(
        advocate=person,
        kind=Conversion.Kind.REFUND,
        refunds=order,
        order_id=order.order_id,
        refund_id=text.fit(Conversion, "refund_id", refund_id),
        friend_email=order.friend_email,
        friend_first_name=order.friend_first_name,
        friend_last_name=order.friend_last_name,
        friend_phone=order.friend_phone,
        lines=order_lines.read(lines, order.currency),
        discount_code=order.discount_code,
        total=order.total if total is None else money.amount(total, order.currency, "total"),
        currency=order.currency,
        is_own=order.is_own,
        occurred_at=times.happened(occurred_at),
    )
    if known := _same(new).first():
        return known
    new.total = _going_back(order, None if total is None else new.total)
    stored = _stored(new)
    if stored is new and not new.is_own:
        signals.conversion_refunded.send(sender=Conversion, refund=new)
    return stored


def _friend(email: str, first_name: str, last_name: str, phone: str) -> dict[str, str]:
    """Who ordered, as it is stored with the order."""
    return {
        "friend_email": text.email(email, "friend_email"),
        "friend_first_name": text.told_in(Conversion, "friend_first_name", first_name),
        "friend_last_name": text.told_in(Conversion, "friend_last_name", last_name),
        "friend_phone": text.told_in(Conversion, "friend_phone", phone, whole=True),
    }


def _credited(order: Conversion) -> Conversion:
    """The order, stored with the advocate who brought it, once; of a new one it is heard."""
    stored = _stored(order)
    if stored.advocate_id != order.advocate_id:
        raise text.refused("order_id", "is credited to another advocate of the program. Leave it with them.")
    if stored is order:
        invites = closing.to_friend(order.friend_email, program=order.advocate.program)
        closing.close_open(invites, Invite.Closing.CONVERTED)
        if not order.is_own:
            signals.conversion_recorded.send(sender=Conversion, conversion=order)
    return stored


def _take_friend_out(order: Conversion) -> None:
    named = order.friend_email, order.friend_first_name, order.friend_last_name, order.friend_phone
    order.lines = erased.unnamed(order.lines, *named)
    order.friend_email = erased.stand_in(order.friend_email, order.uid)
    order.friend_first_name = order.friend_last_name = order.friend_phone = ""


def _going_back(order: Conversion, wanted: Decimal | None) -> Decimal:
    """How much of an order goes back, whose advocate is held: all that is left, or what is wanted of it."""
    gone = Conversion.objects.filter(refunds=order).aggregate(gone=Sum("total"))["gone"] or Decimal(0)
    left = order.total - money.rounded(gone, order.currency)
    if wanted is None and (left > 0 or order.total == 0):
        return left
    if wanted is None or wanted > left:
        there = f"{money.rounded(max(left, Decimal(0)), order.currency)} {order.currency}"
        raise text.refused("total", f"is more than the order has left, which is {there}. Give at most that.")
    return wanted


def _same(new: Conversion) -> "QuerySet[Conversion]":
    return Conversion.objects.select_related("advocate__program__store", "refunds").filter(
        program=new.advocate.program, kind=new.kind, order_id=new.order_id, refund_id=new.refund_id
    )


def _stored(new: Conversion) -> Conversion:
    """The new fact, stored; or the same one, stored before, perhaps a moment ago by another process."""
    same = _same(new)
    if known := same.first():
        return known
    if new.is_own and new.kind == Conversion.Kind.ORDER:
        self_referrals.check(new.advocate, "friend_email")
    try:
        with transaction.atomic():  # a savepoint: PostgreSQL refuses all that comes after an error without one
            new.save(force_insert=True)
    except IntegrityError:
        if known := same.first():
            return known
        raise
    return new
