"""Rewards of advocates and friends: issued, paid, or reversed."""

from datetime import datetime

from django.db import transaction

from referrals import erased, money, person_key, signals, suppressions, text, times
from referrals.lifecycle import locks
from referrals.models import Advocate, Conversion, Reward


@transaction.atomic
def reward(
    advocate: Advocate,
    *,
    kind: str,
    amount: money.Amount,
    currency: str,
    recipient: str = Reward.Recipient.ADVOCATE,
    recipient_email: str = "",
    conversion: Conversion | None = None,
    code: str = "",
    expires_at: datetime | None = None,
    occurred_at: datetime | None = None,
) -> Reward:
    """The advocate or a friend is rewarded, once per conversion, recipient and kind; sends `reward_issued`.

    Without a conversion each call is a reward; for an advocate's own order there is none. `recipient_email` is for a
    friend without a conversion. A friend's reward from before their erasure is stored without them.
    """
    person = locks.take(advocate.pk)
    moment = times.happened(occurred_at)
    currency = money.currency(currency, at=moment)
    new = Reward(
        advocate=person,
        recipient=text.choice(recipient, "recipient", Reward.Recipient),
        conversion=_order_of(person, conversion),
        kind=text.choice(kind, "kind", Reward.Kind),
        amount=money.amount(amount, currency),
        currency=currency,
        code=text.fit(Reward, "code", code),
        expires_at=times.expires(expires_at),
        occurred_at=moment,
    )
    new.recipient_email = _address_of(new, recipient_email)
    if new.recipient == Reward.Recipient.FRIEND and erased.is_older(new.recipient_email, occurred_at):
        new.recipient_email = erased.stand_in(new.recipient_email, new.uid)
    same = person.rewards.filter(conversion=new.conversion, recipient=new.recipient, kind=new.kind)
    if new.conversion and (known := same.first()):
        return known
    if new.conversion and new.conversion.is_own:
        raise text.refused("conversion", "is the advocate's own order. There is no reward for it: leave it out.")
    new.save(force_insert=True)
    signals.reward_issued.send(sender=Reward, reward=new)
    return new


@transaction.atomic
def reverse(reward: Reward, reason: str, *, reversed_at: datetime | None = None) -> Reward:
    """A reward is taken back, paid or not, for a `Reward.Reason`; the first one stays.

    Sends `reward_reversed`.
    """
    reason = text.choice(reason, "reason", Reward.Reason)
    moment = times.happened(reversed_at, "reversed_at")
    stored = _stored(reward)
    if stored.reversed_at is None:
        stored.reversed_at, stored.reversal_reason = moment, reason
        stored.save(update_fields=["reversed_at", "reversal_reason"])
        signals.reward_reversed.send(sender=Reward, reward=stored)
    return stored


@transaction.atomic
def pay(reward: Reward, *, paid_at: datetime | None = None) -> Reward:
    """A reward is paid out, so it is no longer owed; sends `advocate_updated`. A reversed one is refused."""
    moment = times.happened(paid_at, "paid_at")
    stored = _stored(reward)
    if stored.paid_at is None:
        if stored.reversed_at is not None:
            raise text.refused("reward", "has been reversed. Issue another reward instead of paying this one.")
        stored.paid_at = moment
        stored.save(update_fields=["paid_at"])
        signals.advocate_updated.send(sender=Advocate, advocate=stored.advocate)
    return stored


def _stored(reward: Reward) -> Reward:
    person = locks.take(reward.advocate_id)
    stored = person.rewards.select_related("conversion").filter(pk=reward.pk).first()
    if stored is None:
        raise text.refused("reward", "is not stored. Issue it first.")
    return stored


def _order_of(person: Advocate, conversion: Conversion | None) -> Conversion | None:
    if conversion is None:
        return None
    order = person.conversions.filter(pk=conversion.pk, kind=Conversion.Kind.ORDER).first()
    if order is None:
        raise text.refused("conversion", "is not an order of this advocate. Give the order that is rewarded.")
    return order


def _address_of(reward: Reward, given: str) -> str:
    """Whose reward it is: the advocate's own address, the ordering friend's, or the one that is given."""
    if reward.recipient == Reward.Recipient.ADVOCATE:
        expected = reward.advocate.email
    elif reward.conversion:
        expected = reward.conversion.friend_email
    else:
        return text.email(given, "recipient_email")
    if suppressions.is_erased(expected):
        return expected
    if given and person_key.mailbox(text.email(given, "recipient_email")) != person_key.mailbox(expected):
        raise text.refused("recipient_email", "is somebody else's. Leave it out: the recipient's is known.")
    return expected
