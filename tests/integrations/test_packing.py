"""Packed JSON: read as it was written, at a third of its length on PostgreSQL, and plain where short or refused."""

import json
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection as database
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from integrations import outbox, packing
from integrations.models import Connection, Delivery
from integrations.outbox import Order

EVENT: dict[str, Any] = {
    "data": {
        "type": "event",
        "attributes": {
            "properties": {"store": "tea", "landing_page": "https://teahouse.example/?a=1", "advocate_name": "Żółć"},
            "time": "2026-11-29T22:00:00+00:00",
            "metric": {"data": {"type": "metric", "attributes": {"name": "Sorae Referred Visit"}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": "ann@teahouse.example"}}},
            "value": 12.5,
        },
    }
}
# The same, as an earlier version has packed it.
KEPT = (
    "1:oyj4S1ITcQcVUDIjv7Q4VS+1AhhFOan69om2hljSXkypgaF5EpA0SDMGsU2MQKSBOXqgGhrqGlmGGBlBAhUemhQFXxAkLlMUwj"
    "KLM0soDUxgAnNA9zXETGgWMDTSMwXyAQ=="
)
TOLD: dict[str, Any] = {
    "data": {
        "type": "event",
        "attributes": {
            "properties": {
                "advocate_id": "b52fe9d2-5c79-4476-9f53-9db00251272c",
                "fact_id": "8ed0cada-1964-4cd4-a976-c850db4b9db6",
                "landing_page": "https://teahouse.example/spring",
            },
            "time": "2026-11-30T15:02:41.008618+00:00",
            "unique_id": "939e3db6-b526-5114-ada0-5695407ebf95",
            "metric": {"data": {"type": "metric", "attributes": {"name": "Sorae Referred Visit"}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": "ann@teahouse.example"}}},
        },
    }
}
# The same, as this version has packed it.
KEPT_WITH_IDS = (
    "2:A7Uv6dJceUR2n1OdsAJRJyyO0MraGWRM1Kl2yFDbS522k549trUmURStoFaVQH6/lSMrfsgM25LUxIz80uJUvdQKYKzmpOoXA4"
    "uEvHT0wDU01DU2CDE0tTIwsjIxBAauhZmhxVAIXGAKdED3IzSYAQ=="
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
OBJECTS = st.dictionaries(
    st.text(), st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)


def kept() -> str:
    with database.cursor() as cursor:
        cursor.execute("SELECT CAST(body AS text) FROM integrations_delivery")
        return str(cursor.fetchone()[0])


@pytest.fixture
def queued(db: None) -> Delivery:
    account = Connection.objects.create(provider="klaviyo", account_id="VxYz12", state=Connection.State.CONNECTED)
    with transaction.atomic():
        outbox.add(account.pk, [Order("event", "visit:1", datetime.now(UTC), body=EVENT)])
    return Delivery.objects.get()


@given(OBJECTS)
def test_what_is_packed_is_read_as_it_was(value: dict[str, Any]) -> None:
    assert packing.unpack(packing.pack(value)) == json.loads(json.dumps(value))


def test_a_third_of_it_is_stored() -> None:
    assert len(packing.pack(EVENT)) < len(json.dumps(EVENT)) * 0.5
    assert len(packing.pack(TOLD)) < len(json.dumps(TOLD)) * 0.34


def test_what_an_earlier_version_has_packed_is_read() -> None:
    assert packing.unpack(KEPT) == EVENT
    assert packing.unpack(KEPT_WITH_IDS) == TOLD


@pytest.mark.parametrize("number", [packing.MOST_IDS - 1, packing.MOST_IDS, packing.MOST_IDS + 1, 1_000])
def test_however_many_ids_there_are_each_is_read_in_its_place(number: int) -> None:
    ids = [str(uuid4()) for _ in range(number)]
    value = {"ids": ids, "text": "\x01".join(ids), "large": [id.upper() for id in ids]}
    assert packing.unpack(packing.pack(value)) == value


@pytest.mark.parametrize("value", [{}, {"data": 1}, {"name": "a\0b" * 100}, {"name": "\ud83d" * 100}])
def test_what_is_short_or_would_be_refused_is_left_as_it_is(value: dict[str, Any]) -> None:
    assert packing.pack(value) == value


def test_a_queued_body_is_packed_where_that_saves_the_log(queued: Delivery) -> None:
    assert queued.body == EVENT
    assert kept().strip('"').startswith(packing.SECOND) is (database.vendor == "postgresql")


def test_a_changed_body_is_packed_as_well(queued: Delivery) -> None:
    changed = EVENT | {"more": "of it"}
    queued.body = changed
    Delivery.objects.bulk_update([queued], ["body"])
    assert Delivery.objects.get().body == changed
    assert Delivery.objects.filter(body=changed).exists()
    Delivery.objects.update(body={})
    assert Delivery.objects.filter(body={}).get().body == {}


def test_a_body_from_before_is_read(queued: Delivery) -> None:
    with database.cursor() as cursor:
        cursor.execute("UPDATE integrations_delivery SET body = %s", [json.dumps(EVENT)])
    assert Delivery.objects.get().body == EVENT


def test_the_way_back_leaves_bodies_that_the_version_before_can_read(queued: Delivery) -> None:
    if database.vendor == "postgresql":
        import_module("integrations.migrations.0013_room").unpack_all(database)
    assert json.loads(kept()) == EVENT


def test_the_way_back_by_one_version_leaves_what_that_one_has_packed(queued: Delivery) -> None:
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("UPDATE integrations_delivery SET body = %s", [json.dumps(KEPT)])
    with transaction.atomic():
        outbox.add(queued.connection_id, [Order("event", "visit:2", datetime.now(UTC), body=TOLD)])
    import_module("integrations.migrations.0020_packed_ids").unpack_ids(None, SimpleNamespace(connection=database))
    with database.cursor() as cursor:
        cursor.execute("SELECT CAST(body AS text) FROM integrations_delivery ORDER BY id")
        first, second = (json.loads(body) for (body,) in cursor.fetchall())
    assert first == (KEPT if database.vendor == "postgresql" else EVENT)
    assert second == TOLD
