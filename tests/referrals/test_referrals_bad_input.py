"""Validation: impossible input is refused with a sentence, before anything is stored; merely odd input is kept."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from referrals import money, order_lines, standing, text, times
from referrals.lifecycle import close, convert, invite, join, refund, remind, reverse, reward, update, visit
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
    "channel": lambda ann: invite(ann, "ben@example.com", channel="pigeon"),
    "expires_at": lambda ann: invite(ann, "ben@example.com", expires_at=FAR_OFF[1]),
    "number": lambda ann: remind(invite(ann, "ben@example.com"), 0),
    "by": lambda ann: close(invite(ann, "ben@example.com"), "mood"),
    "visitor": lambda ann: visit(ann, visitor="x" * 65),
    "occurred_at": lambda ann: visit(ann, occurred_at=FAR_OFF[0]),
    "order_id": lambda ann: buy(ann, order_id=" "),
    "friend_email": lambda ann: buy(ann, friend_email=""),
    "total": lambda ann: buy(ann, total="NaN"),
    "currency": lambda ann: buy(ann, currency="EURO"),
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


@pytest.mark.parametrize(
    ("code", "its_time", "amount", "shown"),
    [
        ("BGN", datetime(2025, 12, 31, tzinfo=UTC), "25.50", "25.50"),
        ("HRK", datetime(2022, 6, 1, tzinfo=UTC), "25.5", "25.50"),
        ("ZWL", datetime(2024, 3, 1, tzinfo=UTC), "0.01", "0.01"),
        ("BYR", datetime(2015, 3, 1, tzinfo=UTC), "25500", "25500"),
        ("DEM", datetime(2001, 12, 31, tzinfo=UTC), "9.99", "9.99"),
        ("ADP", datetime(2003, 7, 31, tzinfo=UTC), "150", "150"),  # where the lists differ, the later month
        ("ECS", datetime(2000, 10, 2, tzinfo=UTC), "0.50", "0.50"),
        ("VEF", datetime(2018, 8, 20, tzinfo=UTC), "0.50", "0.50"),
        ("ANG", datetime(2025, 6, 30, 23, 30, tzinfo=timezone.get_fixed_timezone(-240)), "9.99", "9.99"),  # in Curaçao
    ],
)
def test_a_currency_that_has_ended_is_taken_of_its_own_time(
    ann: Advocate, code: str, its_time: datetime, amount: str, shown: str
) -> None:
    order = buy(ann, total=amount, currency=code, occurred_at=its_time)
    given = reward(ann, kind="cash", amount=amount, currency=code, conversion=order, occurred_at=its_time)
    refund(order)
    assert str(given) == f"Cash {shown} {code}"
    assert {name: str(worth) for name, worth in standing.of([ann.pk])[ann.pk].earned.items()} == {code: shown}
    for moment in (None, timezone.now()):
        with pytest.raises(ValidationError, match=r"has not been paid in since \d\d/20\d\d"):
            buy(ann, order_id="2", currency=code, occurred_at=moment)
        with pytest.raises(ValidationError, match="give when it happened"):
            reward(ann, kind="gift", amount="1", currency=code, occurred_at=moment)


@pytest.mark.parametrize(
    ("code", "after"), [("VEF", (2018, 9)), ("MRO", (2018, 7)), ("TMM", (2009, 2)), ("DEM", (2002, 6))]
)
def test_when_it_had_ended_nobody_paid_with_it(ann: Advocate, code: str, after: tuple[int, int]) -> None:
    with pytest.raises(ValidationError, match="has not been paid in since"):
        buy(ann, currency=code, occurred_at=datetime(*after, 2, tzinfo=UTC))


def test_an_amount_of_a_currency_that_no_list_knows_is_shown_as_it_is_stored() -> None:
    assert str(money.rounded(Decimal("25.5000"), "QQQ")) == "25.5"
    assert str(money.rounded(Decimal("100.0000"), "QQQ")) == "100"


def test_a_store_is_not_given_a_currency_that_has_ended() -> None:
    with pytest.raises(ValidationError, match="01/2026"):
        money.validate_currency("BGN")


# --- What is told along ----------------------------------------------------------------------------------


def line(**told: Any) -> dict[str, Any]:
    return {"sku": "", "name": "", "quantity": 1, "price": None, **told}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (
            [{"name": "tea", "price": "50.00"}, {"name": "voucher", "price": "-5.00"}],
            [line(name="tea", price="50.00"), line(name="voucher", price="-5.00")],
        ),
        ([{"price": 1, "quantity": 0.5}], [line(price="1.00", quantity=0.5)]),
        ([{"price": 1, "quantity": "0.5"}], [line(price="1.00", quantity=0.5)]),
        ([{"price": 1, "quantity": Decimal("1.23456")}], [line(price="1.00", quantity=1.2346)]),
        ([{"price": 1, "quantity": 2.0}], [line(price="1.00", quantity=2)]),
        ([{"price": 1, "quantity": "2"}], [line(price="1.00", quantity=2)]),
        ([{"price": 1, "quantity": 0}], [line(price="1.00", quantity=0)]),
        ([{"price": 1, "quantity": -1}], [line(price="1.00", quantity=-1)]),
        ([{"price": 1, "quantity": True}], [line(price="1.00", quantity=None)]),
        ([{"price": 1, "quantity": None}], [line(price="1.00", quantity=None)]),
        ([{"price": 1, "quantity": float("nan")}], [line(price="1.00", quantity=None)]),
        ([{"price": 1, "quantity": 10**400}], [line(price="1.00", quantity=None)]),
        ([{"price": 9.99}], [line(price="9.99")]),
        ([{"price": 0.1 + 0.2}], [line(price="0.30")]),
        ([{"price": "1.005"}], [line(price="1.01")]),
        ([{"price": "-0.001"}], [line(price="0.00")]),
        ([{"price": float("inf")}], [line()]),
        ([{"price": "nine"}], [line()]),
        ([{"price": "1E+999999"}], [line()]),
        ([{"price": "-1E+99999999", "quantity": "1E+99999999"}], [line(quantity=None)]),
        ([{"price": "1E-999999"}], [line(price="0.00")]),
        ([{"sku": "T-1"}], [line(sku="T-1")]),
        ([{"sku": 1001, "name": None, "price": 1}], [line(sku="1001", price="1.00")]),
        ([{"sku": b"T", "name": ["x"], "price": []}], [line()]),
        ([{"name": "x" * 256, "sku": "y" * 101}], [line(name="x" * 255, sku="y" * 100)]),
        ([{"name": "A\0nn\ud83d", "price": 1}], [line(name="Ann", price="1.00")]),
        ([{"price": 1, "colour": "green"}], [line(price="1.00")]),
        (["T-1", None, {"price": 1}], [line(price="1.00")]),
        ({"sku": "T-1"}, [line(sku="T-1")]),
        ([{"price": 1}] * 1_001, [line(price="1.00")] * 1_000),
        ("T-1", []),
        ({}, []),
        (None, []),
        (7, []),
    ],
)
def test_a_line_is_told_as_well_as_it_can_be_and_costs_no_order(ann: Advocate, given: Any, kept: Any) -> None:
    order = buy(ann, lines=given)
    order.refresh_from_db()
    assert order.lines == kept
    back = refund(order, lines=given)
    back.refresh_from_db()
    assert back.lines == kept


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["sku", "name", "quantity", "price"]),
            st.none()
            | st.text(max_size=9)
            | st.floats()
            | st.integers()
            | st.decimals()
            | st.booleans()
            | st.binary(max_size=3),
        ),
        max_size=3,
    )
)
def test_no_line_at_all_is_refused(lines: Any) -> None:
    json.dumps(order_lines.read(lines, "EUR"), allow_nan=False).encode()


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"friend_first_name": "x" * 151}, "x" * 150),
        ({"friend_first_name": NUL}, "Ann"),
        ({"friend_last_name": HALF}, "Ann"),
        ({"friend_last_name": None}, ""),
        ({"friend_phone": "1" * 101}, ""),
        ({"friend_phone": 4930123456}, "4930123456"),
        ({"discount_code": "x" * 101}, ""),
        ({"discount_code": HALF}, "Ann"),
        ({"discount_code": None}, ""),
    ],
)
def test_neither_does_a_name_or_a_code_that_is_told_along(ann: Advocate, told: dict[str, Any], kept: str) -> None:
    order = buy(ann, **told)
    order.refresh_from_db()
    assert [getattr(order, field) for field in told] == [kept]


def test_nor_costs_a_name_the_invite_or_a_page_the_visit(ann: Advocate) -> None:
    assert invite(ann, "ben@example.com", recipient_name="x" * 200).recipient_name == "x" * 150
    assert visit(ann, landing_page=NUL).landing_page == "Ann"


def test_every_channel_of_an_invite_is_one_of_a_visit(ann: Advocate) -> None:
    for channel in Channel.values:
        assert visit(ann, channel=channel).channel == channel
