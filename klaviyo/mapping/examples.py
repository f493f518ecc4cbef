"""Examples of what Klaviyo is told: a made-up story, mapped as real facts are; it is stored nowhere."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from klaviyo.mapping import events, profiles
from klaviyo.mapping.events import Event
from referrals.models import Advocate, Channel, Conversion, Invite, Program, Reminder, Reward, Store, Visit
from referrals.standing import Standing

DAY = datetime(2026, 8, 1, 12, tzinfo=UTC)
THANKS = "THANKS-ANN"


def told() -> Iterator[Event]:
    """One event of each metric, in the order in which they happen."""
    ann = _advocate()
    invite = Invite(
        uid=_id("invite"),
        advocate=ann,
        recipient_email="ben@shop.example",
        recipient_name="Ben",
        channel=Channel.EMAIL,
        occurred_at=DAY,
    )
    visit = Visit(
        uid=_id("visit"),
        advocate=ann,
        landing_page="https://teahouse.example/green-tea",
        referrer="https://mail.example/",
        channel=Channel.LINK,
        occurred_at=DAY,
    )
    order = Conversion(
        uid=_id("order"),
        advocate=ann,
        order_id="1001",
        friend_email="ben@shop.example",
        lines=[{"sku": "GT-100", "name": "Green tea", "quantity": "2", "price": "24.95"}],
        discount_code="FRIEND5",
        total=Decimal("49.90"),
        currency="EUR",
        occurred_at=DAY,
    )
    reward = Reward(
        uid=_id("reward"),
        advocate=ann,
        recipient=Reward.Recipient.ADVOCATE,
        recipient_email=ann.email,
        kind=Reward.Kind.DISCOUNT,
        amount=Decimal("5.00"),
        currency="EUR",
        code=THANKS,
        expires_at=DAY + timedelta(days=90),
        reversed_at=DAY + timedelta(days=7),
        reversal_reason=Reward.Reason.REFUND,
        occurred_at=DAY,
    )
    yield from events.advocate_joined(ann)
    yield from events.invite_went_out(invite)
    yield from events.invite_sent(invite)
    yield from events.invite_reminded(Reminder(uid=_id("reminder"), invite=invite, number=1, occurred_at=DAY))
    yield from events.visit_recorded(visit)
    yield from events.conversion_recorded(order)
    yield from events.reward_issued(reward)
    yield from events.reward_reversed(reward)


def profile() -> dict[str, Any]:
    """The properties of an advocate's profile."""
    earned = {"EUR": Decimal("15.00")}
    standing = Standing(invites=5, visits=3, conversions=2, rewards=3, earned=earned, owed={"EUR": Decimal("5.00")})
    found: dict[str, Any] = profiles.profile(_advocate(), standing)[0]["properties"]
    return found


def properties(event: Event) -> dict[str, Any]:
    """As Klaviyo gets them: numbers as numbers, times as text."""
    found: dict[str, Any] = events.event_body(event)[0]["data"]["attributes"]["properties"]
    return found


def _id(what: str) -> uuid.UUID:
    """The same whenever the page is shown."""
    return uuid.uuid5(events.NAMESPACE, f"example:{what}")


def _advocate() -> Advocate:
    store = Store(slug="tea-house", name="Tea House", url="https://teahouse.example/", country="DE", currency="EUR")
    program = Program(store=store, slug="spring", name="Spring", offer="5 EUR off the first tea", offer_code="FRIEND5")
    return Advocate(
        uid=_id("advocate"),
        program=program,
        email="ann@shop.example",
        first_name="Ann",
        last_name="Lee",
        tier="gold",
        referral_code="ANN7F3K",
        occurred_at=DAY,
    )
