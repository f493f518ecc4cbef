"""Odd values told by a host's code: a clear refusal or a record, and its own transaction goes on."""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.dispatch import Signal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.models import Delivery
from klaviyo.models import StoreSetting
from referrals import lifecycle, signals
from referrals.models import (
    Advocate,
    Conversion,
    Invite,
    OptIn,
    OptOut,
    Program,
    Reminder,
    Reward,
    Store,
    Suppression,
    Visit,
)
from tests.faults import oddities

Facts = dict[str, Any]
MOST_EXAMPLES = 400
BOUNDED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=MOST_EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True)
class Verb:
    """A verb of the lifecycle, on whom or what it acts, and values that are right."""

    do: Callable[..., Any]
    on: str
    right: Facts


VERBS: dict[str, Verb] = {
    "join": Verb(
        lifecycle.join,
        "program",
        {
            "email": "kim@example.com",
            "first_name": "Kim",
            "last_name": "Lee",
            "phone": "",
            "locale": "de",
            "role": None,
            "tier": "",
            "occurred_at": None,
        },
    ),
    "update": Verb(
        lifecycle.update,
        "advocate",
        {"first_name": "Ann", "last_name": "Lee", "phone": "", "locale": "en", "role": None, "tier": "Gold"},
    ),
    "invite": Verb(
        lifecycle.invite,
        "advocate",
        {
            "recipient_email": "lu@example.com",
            "recipient_name": "Lu",
            "channel": "email",
            "expires_at": None,
            "occurred_at": None,
        },
    ),
    "remind": Verb(lifecycle.remind, "invite", {"number": 7, "occurred_at": None}),
    "went_out": Verb(lifecycle.went_out, "invite", {"occurred_at": None}),
    "close": Verb(lifecycle.close, "invite", {"by": "visited"}),
    "visit": Verb(
        lifecycle.visit,
        "advocate",
        {"landing_page": "", "referrer": "", "visitor": "", "channel": "link", "invite": None, "occurred_at": None},
    ),
    "convert": Verb(
        lifecycle.convert,
        "advocate",
        {
            "order_id": "77",
            "friend_email": "lu@example.com",
            "total": "9",
            "currency": "EUR",
            "friend_first_name": "",
            "friend_last_name": "",
            "friend_phone": "",
            "lines": (),
            "discount_code": "",
            "occurred_at": None,
        },
    ),
    "refund": Verb(lifecycle.refund, "conversion", {"refund_id": "9", "total": None, "lines": (), "occurred_at": None}),
    "reward": Verb(
        lifecycle.reward,
        "advocate",
        {
            "kind": "cash",
            "amount": 5,
            "currency": "EUR",
            "recipient": "advocate",
            "recipient_email": "",
            "conversion": None,
            "code": "",
            "expires_at": None,
            "occurred_at": None,
        },
    ),
    "reverse": Verb(lifecycle.reverse, "reward", {"reason": "refund", "reversed_at": None}),
    "pay": Verb(lifecycle.pay, "reward", {"paid_at": None}),
    "opt_in": Verb(
        lifecycle.opt_in,
        "store",
        {
            "email": "lu@example.com",
            "wording": "Yes.",
            "place": "form",
            "channels": ("email",),
            "phone": "",
            "first_name": "",
            "proof": "",
            "occurred_at": None,
        },
    ),
    "confirm": Verb(lifecycle.confirm, "opt_in", {"at": None}),
    "opt_out": Verb(
        lifecycle.opt_out,
        "store",
        {"email": "lu@example.com", "scope": "newsletter", "place": "form", "occurred_at": None},
    ),
    "suppress": Verb(lifecycle.suppress, "", {"email": "lu@example.com", "reason": "unsubscribed", "store": None}),
    "erase": Verb(lifecycle.erase, "", {"email": "lu@example.com"}),
}
ROWS = {"invite", "conversion", "store"}  # code that hands over something else there is wrong, not its data
PLACES = [(name, field) for name, verb in VERBS.items() for field in verb.right if field not in ROWS]
SIGNALS: dict[str, tuple[Signal, type[models.Model], str]] = {
    "advocate_joined": (signals.advocate_joined, Advocate, "advocate"),
    "advocate_updated": (signals.advocate_updated, Advocate, "advocate"),
    "invite_sent": (signals.invite_sent, Invite, "invite"),
    "invite_went_out": (signals.invite_went_out, Invite, "invite"),
    "invite_reminded": (signals.invite_reminded, Reminder, "reminder"),
    "opted_in": (signals.opted_in, OptIn, "opt_in"),
    "opted_out": (signals.opted_out, OptOut, "opt_out"),
    "visit_recorded": (signals.visit_recorded, Visit, "visit"),
    "conversion_recorded": (signals.conversion_recorded, Conversion, "conversion"),
    "conversion_refunded": (signals.conversion_refunded, Conversion, "refund"),
    "reward_issued": (signals.reward_issued, Reward, "reward"),
    "reward_reversed": (signals.reward_reversed, Reward, "reward"),
}


class NothingStays(Exception):
    """Each example begins with the same house."""


@pytest.fixture(autouse=True)
def _what_is_odd_is_not_logged() -> Iterator[None]:
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def on(verb: Verb) -> list[Any]:
    if verb.on == "opt_in":
        words: Facts = {"wording": "Yes.", "place": "form"}
        return [lifecycle.opt_in(Store.objects.order_by("pk")[0], "lu@example.com", **words)]
    models = {"program": Program, "advocate": Advocate, "invite": Invite, "store": Store, "reward": Reward}
    if verb.on == "conversion":
        return [Conversion.objects.get(kind="order")]
    return [models[verb.on]._default_manager.order_by("pk").first()] if verb.on else []


def in_a_hosts_transaction(act: Callable[[], Any]) -> None:
    """The host has stored a row before, and goes on reading and writing afterwards."""
    try:
        with transaction.atomic():
            mine = Store.objects.create(slug="mine", name="Mine", url="https://mine.example/")
            act()
            Store.objects.filter(pk=mine.pk).update(name="Still mine")
            assert Store.objects.get(pk=mine.pk).name == "Still mine"
            raise NothingStays
    except NothingStays:
        pass


def test_every_verb_and_every_signal_is_here() -> None:
    assert set(VERBS) == set(lifecycle.__all__)
    declared = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    assert declared - set(SIGNALS) == {"suppressed", "person_erased"}  # which carry an address that was looked at


def test_what_is_right_is_right(house: StoreSetting) -> None:
    for verb in VERBS.values():
        in_a_hosts_transaction(lambda verb=verb: verb.do(*on(verb), **verb.right))  # type: ignore[misc]


def test_a_verb_takes_or_refuses_any_value(house: StoreSetting) -> None:
    @BOUNDED
    @given(st.sampled_from(PLACES), st.sampled_from(oddities.VALUES) | st.text() | st.binary() | st.integers())
    def anything(place: tuple[str, str], value: Any) -> None:
        verb, field = VERBS[place[0]], place[1]

        def tell() -> None:
            with suppress(ValidationError):  # says what is wrong, where, and what to do
                verb.do(*on(verb), **verb.right | {field: value})

        in_a_hosts_transaction(tell)

    anything()


def test_a_signal_with_an_odd_fact_stops_no_host(house: StoreSetting) -> None:
    lifecycle.remind(Invite.objects.get(recipient_email="ben@friends.test"), 1)
    fields = [(name, field.attname) for name, (_, model, _) in SIGNALS.items() for field in model._meta.concrete_fields]

    @BOUNDED
    @given(st.sampled_from(fields), st.sampled_from(oddities.VALUES) | st.text())
    def anything(place: tuple[str, str], value: Any) -> None:
        signal, model, argument = SIGNALS[place[0]]
        fact = model._default_manager.order_by("pk").first()
        with suppress(Exception):  # where not even Django lets a host write it
            setattr(fact, place[1], value)
        in_a_hosts_transaction(lambda: signal.send(sender=model, **{argument: fact}))

    anything()


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_without_a_fact_stops_no_host(house: StoreSetting, name: str) -> None:
    signal, model, argument = SIGNALS[name]
    before = Delivery.objects.count()
    for odd in (None, 5, "text", object(), [], model()):
        in_a_hosts_transaction(lambda odd=odd: signal.send(sender=model, **{argument: odd}))  # type: ignore[misc]
    in_a_hosts_transaction(lambda: signal.send(sender=model))
    assert Delivery.objects.count() == before


def test_an_address_that_can_be_none_suppresses_and_erases_nobody(house: StoreSetting) -> None:
    people = Suppression.objects.count()
    odd: list[Any] = [None, 5, b"", [], "", "\0", "half \ud83d", "a" * oddities.HUGE]
    for value in odd:
        with pytest.raises(ValidationError):
            lifecycle.suppress(value, "unsubscribed")
        with pytest.raises(ValidationError):
            lifecycle.erase(value)
    assert Suppression.objects.count() == people
