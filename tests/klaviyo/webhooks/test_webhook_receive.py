"""What an account tells us is taken only if it has signed it; everything else is turned away, and nothing breaks."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from integrations.encryption import Sealed
from integrations.models import Connection
from klaviyo.consent import topics
from klaviyo.models import ConsentWatch, Notice
from klaviyo.webhooks import receive, view
from tests.klaviyo.story import BEN, TEA
from tests.klaviyo.webhooks.notices import body, item, post, signed, watch_of


@pytest.fixture
def watch(connection: Connection) -> ConsentWatch:
    return watch_of(connection)


def test_what_the_account_has_signed_is_stored_and_not_yet_acted_on(watch: ConsentWatch) -> None:
    assert post(body(item(email="Ben@friends.test", profile_id="01JCBEN0000000000000000000", id="e-1"))) == 200
    notice = Notice.objects.get()
    assert (notice.connection, notice.external_id, notice.topic) == (watch.connection, "e-1", topics.UNSUBSCRIBED)
    assert (notice.email, notice.profile_id) == (BEN, "01JCBEN0000000000000000000")
    assert notice.happened_at is not None
    assert abs(notice.happened_at - timezone.now()) < timedelta(minutes=1)
    assert notice.processed_at is None
    watch.refresh_from_db()
    assert watch.last_heard_at is not None


def test_the_signature_is_over_the_bytes_as_they_came(watch: ConsentWatch) -> None:
    raw = body(item()).replace(b", ", b" ,\n ")
    assert post(raw) == 200
    assert post(json.dumps(json.loads(raw)).encode(), signed(raw)) == 403


def test_one_changed_bit_anywhere_is_noticed(watch: ConsentWatch) -> None:
    raw = body(item())
    headers = signed(raw)
    for place in random.Random(1).sample(range(len(raw) * 8), 60):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << (place % 8)
        assert post(bytes(changed), headers) == 403
    assert not Notice.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"Klaviyo-Signature": ""},
        {"Klaviyo-Signature": "0" * 64},
        {"Klaviyo-Signature": "é" * 64},
        {"Klaviyo-Timestamp": "Sat, 21 Nov 2026 10:00:01 GMT"},
        {"Klaviyo-Webhook-Id": "01JD0000000000000000000001"},
        {"Klaviyo-Webhook-Id": ""},
        {"Klaviyo-Webhook-Id": "x" * 5_000},
        {"Klaviyo-Webhook-Id": "\x00"},
    ],
    ids=str,
)
def test_a_wrong_or_missing_header_is_turned_away(watch: ConsentWatch, change: dict[str, str]) -> None:
    raw = body(item())
    assert post(raw, signed(raw) | change) == 403
    assert not Notice.objects.exists()


def test_nobody_can_sign_for_an_account_without_a_webhook(connection: Connection) -> None:
    ConsentWatch.objects.create(connection=connection)
    raw = body(item())
    assert post(raw, signed(raw, "", webhook="")) == 403
    assert post(raw, signed(raw, "")) == 403
    assert post(raw, {}) == 403


def test_another_webhooks_secret_signs_nothing(watch: ConsentWatch, second_connection: Connection) -> None:
    other = ConsentWatch.objects.create(connection=second_connection, webhook_id="01JD0000000000000000000009")
    other.secret = "another secret of more than thirty-two characters"
    other.save()
    raw = body(item())
    assert post(raw, signed(raw, other.secret)) == 403
    assert post(raw, signed(raw, other.secret, webhook=other.webhook_id)) == 403  # it speaks for Tea House Ltd


def test_the_clock_of_the_header_may_be_wrong(watch: ConsentWatch) -> None:
    raw = body(item())
    assert post(raw, signed(raw, at="Thu, 01 Jan 1970 00:00:00 GMT")) == 200
    assert post(raw, signed(raw, at="")) == 200


@pytest.mark.parametrize("form", ["iso", "z", "space", "seconds", "text", "milliseconds"])
def test_a_body_of_hours_ago_is_taken_in_any_form_of_time_and_one_of_last_week_is_not(
    watch: ConsentWatch, form: str
) -> None:
    def written(moment: datetime) -> Any:
        return {
            "iso": moment.isoformat(),
            "z": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "space": f"{moment:%Y-%m-%d %H:%M:%S}",
            "seconds": moment.timestamp(),
            "text": str(int(moment.timestamp())),
            "milliseconds": int(moment.timestamp() * 1000),
        }[form]

    assert post(body(item(), told_at=written(datetime.now(UTC) - timedelta(hours=5)))) == 200
    assert post(body(item(), told_at=written(datetime.now(UTC) - timedelta(days=7)))) == 400
    assert Notice.objects.count() == 1


@pytest.mark.parametrize(("ahead", "status"), [(timedelta(hours=20), 200), (timedelta(days=2), 400)])
def test_a_body_of_the_future_is_not_taken(watch: ConsentWatch, ahead: timedelta, status: int) -> None:
    assert post(body(item(), told_at=(timezone.now() + ahead).isoformat())) == status
    assert post(body(item(), told_at="2300-01-01T00:00:00Z")) == 400


def test_what_is_told_again_is_stored_once(watch: ConsentWatch) -> None:
    raw = body(item(id="e-1"), item(id="e-2"), item(id="e-1"))
    assert [post(raw), post(raw)] == [200, 200]
    assert sorted(Notice.objects.values_list("external_id", flat=True)) == ["e-1", "e-2"]


def test_a_thousand_things_come_at_once(watch: ConsentWatch) -> None:
    raw = body(*(item(email=f"friend-{number}@friends.test") for number in range(1000)))
    assert post(raw) == 200
    assert Notice.objects.values("email").distinct().count() == 1000


ODD_ITEMS: list[Any] = [
    None,
    "x",
    5,
    [],
    {},
    {"external_id": "a"},
    {"topic": "t"},
    {"external_id": None, "topic": "t"},
    {"external_id": True, "topic": "t"},
    {"external_id": "a", "topic": {"a": 1}},
    {"external_id": "", "topic": "t"},
]


def test_items_that_cannot_be_read_are_left_out_one_by_one(watch: ConsentWatch) -> None:
    assert post(body(*ODD_ITEMS, item(id="e-1"), *ODD_ITEMS)) == 200
    assert [notice.external_id for notice in Notice.objects.all()] == ["e-1"]


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "x",
        7,
        [],
        {"data": None},
        {"data": []},
        {"data": {"attributes": "x", "relationships": [1]}},
        {"data": {"attributes": {"timestamp": "soon", "event_properties": {"$email": "nobody"}}}},
        {"data": {"attributes": {"timestamp": 10**400, "datetime": "2026-13-45T00:00:00Z"}}},
        {"data": {"relationships": {"profile": {"data": {"type": "profile", "id": "../x"}}}}},
        {"included": [{"type": "profile", "id": 5, "attributes": {"email": ["x"]}}]},
        {"email": "\ud83d\0@x"},
        {"nul\0": "\0", "half": "\ud83d"},
        {"email": f"{'x' * 300}@friends.test"},
    ],
    ids=lambda payload: ascii(payload)[:50],
)
def test_an_odd_payload_is_stored_without_a_person(watch: ConsentWatch, payload: Any) -> None:
    assert post(body({"external_id": 12345, "topic": "t\0" * 300, "payload": payload})) == 200
    notice = Notice.objects.get()
    assert (notice.external_id, notice.email, notice.profile_id, notice.happened_at) == ("12345", "", "", None)


@pytest.mark.parametrize(
    "payload",
    [
        {"data": {"attributes": {"event_properties": {"$email": "Ben@Friends.test"}}}},
        {"data": {"attributes": {"event_properties": {"email": BEN, "Campaign": "x"}}}},
        {"data": {"attributes": {"profile": {"email": BEN}}}},
        {"profile": {"$email": BEN}},
        {"data": {}, "included": [{"type": "metric"}, {"type": "profile", "id": "a", "attributes": {"email": BEN}}]},
        {"event": {"Recipient Email Address": BEN}},
    ],
    ids=lambda payload: str(payload)[:60],
)
def test_the_person_is_found_wherever_the_address_stands(watch: ConsentWatch, payload: Any) -> None:
    assert post(body({"external_id": "e", "topic": topics.SPAM, "payload": payload})) == 200
    assert Notice.objects.get().email == BEN


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b"{}",
        b'{"data": []}',
        b'{"data": [], "meta": 5}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"data": {}, "meta": {"klaviyo_account_id": "VxYz12", "timestamp": 1795255200}}',
        b'{"data": [], "meta": {"klaviyo_account_id": "VxYz12", "timestamp": "soon"}}',
        b'{"data": [], "meta": {"klaviyo_account_id": "VxYz12", "timestamp": NaN}}',
        b'{"data": [], "meta": {"klaviyo_account_id": "VxYz12", "timestamp": true}}',
        b'{"data": [], "meta": {"klaviyo_account_id": "VxYz12"}}',
        b'{"data": [], "meta": {"klaviyo_account_id": "Qk7LmA", "timestamp": 1795255200}}',
    ],
    ids=lambda raw: str(raw)[:60],
)
def test_what_is_signed_and_makes_no_sense_is_turned_away(watch: ConsentWatch, raw: bytes) -> None:
    assert post(raw) in (400, 403)


def test_anything_at_all_is_answered_without_breaking(watch: ConsentWatch) -> None:
    chance = random.Random(7)
    values: list[Any] = [None, True, 0, -1, 1e308, "", "x", "\0", "\ud800", "9" * 40, BEN, [], {}, [[]], {"": {}}]

    def anything(depth: int) -> Any:
        if depth == 0 or chance.random() < 0.3:
            return chance.choice(values)
        if chance.random() < 0.5:
            return [anything(depth - 1) for _ in range(chance.randrange(4))]
        names = ["id", "type", "email", "data", "attributes", "profile", "timestamp", "included", "\0", "external_id"]
        return {chance.choice(names): anything(depth - 1) for _ in range(chance.randrange(5))}

    for number in range(150):
        odd = [{"external_id": f"{number}", "topic": "t", "payload": anything(5)}, anything(3)]
        meta = chance.choice([None, {"klaviyo_account_id": TEA, "timestamp": chance.choice(values)}, anything(2)])
        assert post(body(*odd, meta=meta)) in (200, 400, 403)
        noise = chance.randbytes(chance.randrange(60))
        assert post(noise) in (400, 403)


def test_more_than_klaviyo_sends_is_not_read(watch: ConsentWatch, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    big = body(item(email=BEN), {"filler": "x" * 4_000_000})
    assert post(big) == 200
    assert post(body({"filler": "x" * view.LARGEST})) == 413


def test_a_body_that_is_longer_than_announced_is_not_read_on(watch: ConsentWatch) -> None:
    raw = body(item())
    for announced in ("5", "", "x", "-1"):
        request = RequestFactory().post("/", raw, content_type="application/json", headers=signed(raw))
        request.META["CONTENT_LENGTH"] = announced
        assert view.webhook(request).status_code in (200, 400, 403)


@pytest.mark.parametrize("method", ["get", "put", "delete", "head", "options"])
def test_only_a_post_is_taken(watch: ConsentWatch, method: str) -> None:
    assert getattr(Client(), method)(reverse("klaviyo_hook")).status_code == 405


def test_no_answer_says_what_was_wrong(watch: ConsentWatch) -> None:
    raw = body(item())
    for headers in (signed(raw), signed(raw, "x"), signed(raw, webhook="01JD0000000000000000000001"), {}):
        answer = Client(enforce_csrf_checks=True).post(
            reverse("klaviyo_hook"), raw, content_type="application/json", headers=headers
        )
        assert answer.content == b""


def test_when_it_cannot_be_stored_it_is_to_be_told_again(
    watch: ConsentWatch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> int:
        raise OperationalError("ben@friends.test")

    monkeypatch.setattr(receive, "_store", fail)
    assert post(body(item(email=BEN))) == 503
    assert BEN not in caplog.text


def test_a_secret_that_cannot_be_opened_signs_nothing(watch: ConsentWatch) -> None:
    ConsentWatch.objects.update(secret=Sealed("v1.gone.bm9uY2U.Y2lwaGVy"))
    assert post(body(item())) == 403
