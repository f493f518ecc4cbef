"""From a fact to what Klaviyo is told: names, properties and ids are a contract with marketers."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from klaviyo.mapping import catalogue, events, profiles
from referrals.models import Advocate, Conversion, Invite, Program, Reminder, Reward, Store, Visit
from referrals.standing import Standing

WHEN = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
TEA_HOUSE = Store(slug="tea-house", name="Tea House", url="https://teahouse.test", country="FI", currency="EUR")
SPRING = Program(
    store=TEA_HOUSE,
    slug="spring",
    name="Spring",
    type="referral",
    invites_by="klaviyo",
    offer="10 % off",
    offer_code="TEA10",
)
ANN = Advocate(
    program=SPRING,
    email="Ann+tea@teahouse.test",
    first_name="Ann",
    last_name="Lee",
    phone="040 123 4567",
    role="advocate",
    referral_code="AB12CD34EF56",
    occurred_at=WHEN,
)
BEN_INVITED = Invite(advocate=ANN, recipient_email="ben@friends.test", channel="email", occurred_at=WHEN)
BEN_ORDERS = Conversion(
    advocate=ANN,
    order_id="1001",
    friend_email="ben@friends.test",
    friend_first_name="Ben",
    total=Decimal("49.90"),
    currency="EUR",
    lines=[{"sku": "T1", "name": "Tea", "quantity": 2, "price": "24.95"}],
    discount_code="TEA10",
    occurred_at=WHEN,
)
ANNS_REWARD = Reward(
    advocate=ANN,
    recipient="advocate",
    recipient_email=ANN.email,
    kind="discount",
    amount=Decimal("5"),
    currency="EUR",
    code="THANKS5",
    occurred_at=WHEN,
)


def told(fact: Any) -> list[events.Event]:
    """The events of a fact, by the functions that bear its signals' names."""
    functions: dict[type, Callable[[Any], list[events.Event]]] = {
        Advocate: events.advocate_joined,
        Invite: lambda invite: [*events.invite_went_out(invite), *events.invite_sent(invite)],
        Reminder: events.invite_reminded,
        Visit: events.visit_recorded,
        Conversion: events.conversion_recorded,
        Reward: events.reward_issued,
    }
    return functions[type(fact)](fact)


FACTS = [
    ANN,
    BEN_INVITED,
    Reminder(invite=BEN_INVITED, number=1, occurred_at=WHEN),
    Visit(advocate=ANN, landing_page="https://teahouse.test/green", referrer="https://news.test", occurred_at=WHEN),
    BEN_ORDERS,
    ANNS_REWARD,
]


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (FACTS[0], [("Sorae Advocate Started", ANN.email)]),
        (FACTS[1], [("Sorae Invite Sent", ANN.email), ("Sorae Invite Received", "ben@friends.test")]),
        (FACTS[2], [("Sorae Invite Reminder", "ben@friends.test")]),
        (FACTS[3], [("Sorae Referred Visit", ANN.email)]),
        (FACTS[4], [("Sorae Conversion", ANN.email), ("Sorae Referred Purchase", "ben@friends.test")]),
        (FACTS[5], [("Sorae Reward Issued", ANN.email)]),
    ],
)
def test_each_metric_stands_on_exactly_one_persons_profile(fact: Any, expected: list[tuple[str, str]]) -> None:
    assert [(event.metric.name, event.email) for event in told(fact)] == expected


@pytest.mark.parametrize("fact", FACTS)
def test_every_event_carries_what_the_catalogue_promises_and_no_more(fact: Any) -> None:
    for event in told(fact):
        assert set(event.properties) == set(catalogue.EVERY_EVENT) | set(event.metric.properties)


def test_a_reversal_names_its_reason_and_the_reward() -> None:
    reversed_reward = Reward(
        advocate=ANN,
        recipient="friend",
        recipient_email="ben@friends.test",
        kind="cash",
        amount=Decimal("5"),
        currency="EUR",
        reversed_at=WHEN,
        reversal_reason="refund",
    )
    [event] = events.reward_reversed(reversed_reward)
    assert (event.metric.name, event.email) == ("Sorae Reward Reversed", "ben@friends.test")
    assert event.properties["reason"] == "refund"
    assert event.properties["reward_id"] == str(reversed_reward.uid)


def test_the_same_fact_has_the_same_id_for_ever_and_no_two_share_one() -> None:
    fixed = uuid.UUID("00000000-0000-0000-0000-000000000001")
    [event] = events.advocate_joined(Advocate(program=SPRING, email="a@b.test", uid=fixed, occurred_at=WHEN))
    assert event.unique_id == "cf9ae9ef-3060-50ea-892b-e84b28ee1914"
    ids = [event.unique_id for fact in FACTS for event in told(fact)]
    assert len(set(ids)) == len(ids)


def test_an_order_carries_its_value_and_the_time_it_happened() -> None:
    body, warnings = events.event_body(told(BEN_ORDERS)[0])
    attributes = body["data"]["attributes"]
    assert (attributes["value"], attributes["value_currency"]) == (49.9, "EUR")
    assert attributes["time"] == "2026-11-01T09:30:00+00:00"
    assert attributes["profile"] == {"data": {"type": "profile", "attributes": {"email": ANN.email}}}
    assert warnings == []


def test_a_profile_carries_names_phone_and_our_own_properties_only() -> None:
    standing = Standing(invites=3, conversions=1, rewards=1, earned={"EUR": Decimal("5"), "USD": Decimal("2")}, owed={})
    attributes, warnings = profiles.profile(ANN, standing)
    assert {k: v for k, v in attributes.items() if k != "properties"} == {
        "email": ANN.email,
        "first_name": "Ann",
        "last_name": "Lee",
        "phone_number": "+358401234567",
    }
    ours = attributes["properties"]
    assert all(name.startswith("sorae_") for name in ours)
    assert (ours["sorae_invites"], ours["sorae_amount_earned"], ours["sorae_amount_owed"]) == (3, 5.0, 0.0)
    assert ours["sorae_amount_earned_usd"] == 2.0
    assert "sorae_tier" not in ours
    assert warnings == []


def test_prices_of_an_order_are_numbers_like_its_total() -> None:
    lines: list[Any] = [
        {"sku": "T1", "name": "Tea", "quantity": 2, "price": "24.95"},
        {"sku": "T2", "name": "Leaf", "quantity": "0.5", "price": "-5.00"},
        {"price": "NaN"},
        "odd",
    ]
    order = Conversion(
        advocate=ANN, order_id="1", friend_email="b@f.test", total=Decimal("49.90"), currency="EUR", lines=lines
    )
    order.occurred_at = WHEN
    for event in events.conversion_recorded(order):
        body, _ = events.event_body(event)
        assert json.loads(json.dumps(body))["data"]["attributes"]["properties"]["items"] == [
            {"sku": "T1", "name": "Tea", "quantity": 2, "price": 24.95},
            {"sku": "T2", "name": "Leaf", "quantity": 0.5, "price": -5.0},
            {"price": "NaN"},
            "odd",
        ]


def test_a_phone_that_is_none_is_left_out_with_a_warning() -> None:
    nobody = Advocate(program=SPRING, email="a@b.test", phone="ask my mother", referral_code="X" * 12)
    attributes, warnings = profiles.profile(nobody, Standing())
    assert "phone_number" not in attributes
    assert warnings == ["The phone number was left out: it is not a number that can be called."]


def test_a_phone_that_would_be_a_guess_is_left_out_with_a_warning() -> None:
    for raw in ("0664 1234567", "030 123456", "43 664 1234567"):
        attributes, [warning] = profiles.person_attributes({"phone_number": raw}, "DE")
        assert attributes == {}
        assert "without its country code" in warning


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("en", "en"),
        ("en-GB", "en-GB"),
        ("fil", "fil"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("pt_BR", "pt-BR"),
        ("pt-br", "pt-BR"),
        ("PT_br", "pt-BR"),
        ("zh_hant_tw", "zh-Hant-TW"),
        ("es_419", "es-419"),
        ("de_DE.UTF-8", "de-DE"),
        ("sr_RS@latin", "sr-RS"),
    ],
)
def test_a_language_is_told_as_the_web_spells_it(given: str, told: str) -> None:
    assert profiles.person_attributes({"locale": given}, "FI") == ({"locale": told}, [])


@pytest.mark.parametrize("locale", ["English", "e", "en-", "en GB", "en-GB\n", 7])
def test_a_language_that_is_none_is_left_out_with_a_warning(locale: Any) -> None:
    assert profiles.person_attributes({"locale": locale}, "FI") == (
        {},
        ["The language was left out: it is not like en or en-GB."],
    )


@pytest.mark.parametrize(
    ("value", "currency", "told", "warnings"),
    [
        (Decimal("5"), "EUR", {"value": 5.0, "value_currency": "EUR"}, []),
        (Decimal("5"), "euros", {"value": 5.0}, ["The currency was left out: it is not a code of ISO 4217."]),
        (Decimal("5"), None, {"value": 5.0}, ["The currency was left out: it is not a code of ISO 4217."]),
        (Decimal("NaN"), "EUR", {}, ["The value was left out: it is not a number."]),
        ("12,5", "EUR", {}, ["The value was left out: it is not a number."]),
        (None, "EUR", {}, []),
    ],
)
def test_a_value_is_a_number_and_a_currency_stands_beside_one(
    value: Any, currency: Any, told: dict[str, Any], warnings: list[str]
) -> None:
    event = events.Event(catalogue.CONVERSION, ANN.email, uuid.uuid4(), WHEN, {}, value=value, currency=currency)
    body, said = events.event_body(event)
    attributes = body["data"]["attributes"]
    assert {name: attributes[name] for name in ("value", "value_currency") if name in attributes} == told
    assert said == warnings


@pytest.mark.parametrize("uid", [None, "", "not an id", 7])
def test_a_fact_without_an_id_of_its_own_makes_no_event(uid: Any) -> None:
    with pytest.raises(ValueError, match="UUID"):
        events.visit_recorded(Visit(advocate=ANN, uid=uid))


def test_metric_names_are_klaviyos_length_and_no_two_are_alike() -> None:
    names = [metric.name for metric in catalogue.CATALOGUE]
    assert len(set(names)) == len(names) == 9
    assert all(len(name) < 128 for name in names)
