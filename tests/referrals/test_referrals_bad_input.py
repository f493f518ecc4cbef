"""Validation: impossible input is refused with a sentence, before anything is stored; merely odd input is kept."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from referrals import money, order_lines, text, times
from referrals.lifecycle import close, convert, invite, join, remind, reverse, reward, update, visit
from referrals.models import Advocate, Channel, Conversion, Invite, Reward, Visit

NUL, HALF = "A\0nn", "A\ud83dnn"
FAR_OFF = [
    datetime(1999, 12, 31, 23, 59, tzinfo=UTC),
    datetime(9999, 12, 31, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "   ",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "ann@@example.com",
        "ann lee@example.com",
        "ann@exam ple.com",
        "ann@example..com",
        "ann@-example.com",
        "ann@example.com, ben@example.com",
        "Ann <ann@example.com>",
        "ann@example.com\nBcc: ben@example.com",
        "änn@example.com",
        '"\x01"@example.com',
        "ann\0@example.com",
        "ann\ud800@example.com",
        "ann\u200b@example.com",
        "a" * 89 + "@example.com",
        "a" * 1_000_000,
        None,
        7,
        b"ann@example.com",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(address: Any) -> None:
    with pytest.raises(ValidationError) as refusal:
        text.email(address, "friend_email")
    (sentence,) = refusal.value.message_dict["friend_email"]
    assert sentence.startswith("The value of friend_email ")
    assert sentence.endswith(".")
    assert "ann@" not in sentence


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ann.Lee@Example.COM", "Ann.Lee@example.com"),
        ("ann+tea@example.com", "ann+tea@example.com"),
        (" ann@example.com\t", "ann@example.com"),
        ("ann@MÜNCHEN.example", "ann@münchen.example"),
        ("ann@mu\u0308nchen.example", "ann@münchen.example"),
        ("ann@xn--mnchen-3ya.example", "ann@xn--mnchen-3ya.example"),
        ("ann@例え.テスト", "ann@例え.テスト"),
        ("o'brien_{1}@sub.example.co.uk", "o'brien_{1}@sub.example.co.uk"),
        ("a" * 88 + "@example.com", "a" * 88 + "@example.com"),
    ],
)
def test_odd_addresses_are_kept(given: str, kept: str) -> None:
    assert text.email(given) == kept


@given(st.text(max_size=150))
def test_any_text_is_either_kept_composed_or_refused(words: str) -> None:
    try:
        kept = text.clean(words, "name", 100)
    except ValidationError:
        assert "\0" in words or len(words) > 90
    else:
        kept.encode()
        assert len(kept) <= 100
        assert text.clean(kept, "name", 100) == kept


@given(st.emails())
def test_an_address_that_is_taken_is_taken_again_unchanged(address: str) -> None:
    try:
        kept = text.email(address)
    except ValidationError:
        return
    assert text.email(kept) == kept
    assert kept.lower() == text.email(address.upper()).lower()


BAD_CALLS: dict[str, Callable[[Advocate], Any]] = {
    "first_name": lambda ann: join(ann.program, "eve@example.com", first_name=NUL),
    "last_name": lambda ann: join(ann.program, "eve@example.com", last_name=HALF),
    "phone": lambda ann: join(ann.program, "eve@example.com", phone="1" * 101),
    "email": lambda ann: join(ann.program, "eve"),
    "role": lambda ann: join(ann.program, "eve@example.com", role="boss"),
    "tier": lambda ann: update(ann, tier="x" * 101),
    "locale": lambda ann: update(ann, locale=b"de"),  # type: ignore[arg-type]
    "recipient_email": lambda ann: invite(ann, "ben at example.com"),
    "recipient_name": lambda ann: invite(ann, "ben@example.com", recipient_name=NUL),
    "channel": lambda ann: invite(ann, "ben@example.com", channel="pigeon"),
    "expires_at": lambda ann: invite(ann, "ben@example.com", expires_at=FAR_OFF[1]),
    "number": lambda ann: remind(invite(ann, "ben@example.com"), 0),
    "by": lambda ann: close(invite(ann, "ben@example.com"), "mood"),
    "visitor": lambda ann: visit(ann, visitor="x" * 65),
    "landing_page": lambda ann: visit(ann, landing_page=NUL),
    "occurred_at": lambda ann: visit(ann, occurred_at=FAR_OFF[0]),
    "order_id": lambda ann: buy(ann, order_id=" "),
    "friend_email": lambda ann: buy(ann, friend_email=""),
    "friend_first_name": lambda ann: buy(ann, friend_first_name="x" * 151),
    "discount_code": lambda ann: buy(ann, discount_code=HALF),
    "total": lambda ann: buy(ann, total="NaN"),
    "currency": lambda ann: buy(ann, currency="EURO"),
    "lines": lambda ann: buy(ann, lines={"sku": "1"}),
    "lines[2].quantity": lambda ann: buy(ann, lines=[{"price": 1}, {"price": 1, "quantity": 0}]),
    "kind": lambda ann: reward(ann, kind="hug", amount=1, currency="EUR"),
    "recipient": lambda ann: reward(ann, kind="cash", amount=1, currency="EUR", recipient="all"),
    "amount": lambda ann: reward(ann, kind="cash", amount=-1, currency="EUR"),
    "code": lambda ann: reward(ann, kind="cash", amount=1, currency="EUR", code=NUL),
    "reason": lambda ann: reverse(reward(ann, kind="cash", amount=1, currency="EUR"), "mood"),
    "reversed_at": lambda ann: reverse(
        reward(ann, kind="cash", amount=1, currency="EUR"), "other", reversed_at=FAR_OFF[2]
    ),
}


def buy(ann: Advocate, **more: Any) -> Conversion:
    usual = {"order_id": "1", "friend_email": "ben@example.com", "total": "9.90", "currency": "EUR"}
    return convert(ann, **{**usual, **more})


@pytest.mark.parametrize("field", BAD_CALLS)
def test_bad_input_names_the_field_and_stores_nothing(ann: Advocate, field: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        BAD_CALLS[field](ann)
    (sentence,) = refusal.value.message_dict[field]
    assert field in sentence
    assert sentence.endswith(".")
    assert Advocate.objects.count() == 1
    assert not Visit.objects.exists()
    assert not Conversion.objects.exists()
    assert not Invite.objects.filter(reminders__isnull=False).exists()
    assert not Reward.objects.filter(reversed_at__isnull=False).exists()


# --- Times -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", [*FAR_OFF, datetime(2026, 1, 1), "2026-01-01", 5])  # noqa: DTZ001
def test_times_that_cannot_be_are_refused(moment: Any) -> None:
    with pytest.raises(ValidationError, match=r"occurred_at is (far off|not a time)"):
        times.happened(moment)


def test_times_from_2000_to_a_year_ahead_are_kept() -> None:
    ahead = timezone.now() + timedelta(days=365)
    for moment in (datetime(2000, 1, 1, tzinfo=UTC), ahead):
        assert times.happened(moment) == moment
    with pytest.raises(ValidationError):
        times.happened(ahead + timedelta(days=2))


def test_a_gift_may_last_for_years() -> None:
    decade = timezone.now() + timedelta(days=3650)
    assert times.expires(decade) == decade
    assert times.expires(None) is None


# --- Amounts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "currency", "exact"),
    [
        ("24.9", "EUR", "24.90"),
        (5, "JPY", "5"),
        (Decimal("500.00"), "JPY", "500"),
        ("0.125", "KWD", "0.125"),
        ("1.2345", "CLF", "1.2345"),
        ("-0", "USD", "0.00"),
        ("1E+3", "USD", "1000.00"),
        ("99999999999.99", "USD", "99999999999.99"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(value: Any, currency: str, exact: str) -> None:
    assert str(money.amount(value, currency)) == exact


@pytest.mark.parametrize(
    ("value", "currency", "reason"),
    [
        ("-0.01", "EUR", "negative"),
        ("NaN", "EUR", "not a finite number"),
        (Decimal("sNaN"), "EUR", "not a finite number"),
        ("Infinity", "EUR", "not a finite number"),
        ("-Infinity", "EUR", "not a finite number"),
        ("0.001", "EUR", "more decimals than EUR, which has 2"),
        ("0.5", "JPY", "more decimals than JPY, which has 0"),
        ("1E-999999", "EUR", "more decimals"),
        ("100000000000", "EUR", "too large"),
        ("1E+999999", "EUR", "too large"),
        (10**400, "EUR", "too large"),
        (9.99, "EUR", "not exact"),
        (True, "EUR", "not exact"),
        (None, "EUR", "not exact"),
        ("9,99", "EUR", "not a number"),
        ("", "EUR", "not a number"),
        ("9" * 10_000, "EUR", "not a number"),
        ("9\0", "EUR", "not a number"),
    ],
)
def test_amounts_that_cannot_be_are_refused(value: Any, currency: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        money.amount(value, currency)


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.text(max_size=50) | st.integers())
def test_any_amount_is_either_exact_or_refused(value: Any) -> None:
    try:
        exact = money.amount(value, "EUR")
    except ValidationError:
        return
    assert exact == Decimal(value)
    assert exact >= 0
    assert str(exact)[-3] == "."


@pytest.mark.parametrize("code", ["EURO", "EU", "", "XXX", "XAU", "ZZZ", "€", None, 978, "E\0R"])
def test_currencies_that_cannot_be_paid_in_are_refused(code: Any) -> None:
    with pytest.raises(ValidationError, match="three letters, such as EUR"):
        money.currency(code)


def test_currencies_are_read_in_any_case() -> None:
    assert money.currency(" eur ") == "EUR"


# --- Lines of an order -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ("T-1", "lines"),
        ({"sku": "T-1"}, "lines"),
        ([{"price": 1}] * 1_001, "lines"),
        (["T-1"], "lines[1]"),
        ([{"price": 1, "colour": "green"}], "lines[1]"),
        ([{"price": 1}, {"sku": "T-1"}], "lines[2].price"),
        ([{"price": 1, "quantity": "2"}], "lines[1].quantity"),
        ([{"price": 1, "quantity": True}], "lines[1].quantity"),
        ([{"price": 1, "name": "x" * 256}], "lines[1].name"),
        ([{"price": 1, "sku": None}], "lines[1].sku"),
    ],
)
def test_lines_that_cannot_be_are_refused_by_number(given: Any, where: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        order_lines.read(given, "EUR")
    assert list(refusal.value.message_dict) == [where]


def test_every_channel_of_an_invite_is_one_of_a_visit(ann: Advocate) -> None:
    for channel in Channel.values:
        assert visit(ann, channel=channel).channel == channel
