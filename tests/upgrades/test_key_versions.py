"""Keys of people that had no version beside them get the one by which they were made."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from klaviyo.models import PropertyName, Send
from referrals import person_key
from tests.upgrades import past
from tests.upgrades.conftest import SchemaAt

BEFORE = {"integrations": "0006_retirements", "referrals": "0009_machines_and_time_zones"}
BEFORE |= {"klaviyo": "0014_store_time_zones"}
ANNA, BEN = "anna@stra\u00dfe.test", "ben@example.com"


@pytest.fixture
def then(transactional_db: None, schema_at: SchemaAt, tmp_path: Path) -> Iterator[Any]:
    """The models of the version before, over a database with nobody in it."""
    name = past.create_database(tmp_path, like=schema_at(BEFORE))
    with past.turned_to(name):
        yield past.models_at(BEFORE)
    past.drop_database(name)


def put(then: Any, email: str, version: int) -> None:
    """An advocate with a name of properties, and a message to them of today."""
    stores, number = then.get_model("referrals.Store").objects, then.get_model("referrals.Program").objects.count()
    store = stores.create(slug=f"tea-{number}", name="Tea", url="https://tea.example/")
    program = then.get_model("referrals.Program").objects.create(store=store, slug="spring", name="Spring")
    account, _ = then.get_model("integrations.Connection").objects.get_or_create(
        provider="klaviyo", account_id="VxYz12"
    )
    advocate = then.get_model("referrals.Advocate").objects.create(program=program, email=email, referral_code=number)
    invite = then.get_model("referrals.Invite").objects.create(advocate=advocate, recipient_email=email)
    delivery = then.get_model("integrations.Delivery").objects.create(
        connection=account, kind="event", key=f"event:{number}", source=str(invite.uid), occurred_at=timezone.now()
    )
    key = person_key.digest(version, email)
    then.get_model("klaviyo.PropertyName").objects.create(
        connection=account, advocate=advocate, person=key, prefix="sorae_"
    )
    then.get_model("klaviyo.Send").objects.create(
        kind="invite",
        channel="klaviyo",
        store=store,
        program=program,
        invite=invite,
        delivery=delivery,
        mailbox_hash=key,
        mailed_at=timezone.now() - timedelta(hours=1),
    )


def test_each_key_gets_the_version_by_which_it_was_made_and_is_found_by_it(then: Any) -> None:
    for email, version in ((ANNA, 1), (ANNA, 2), (BEN, 1)):
        put(then, email, version)
    past.upgrade()
    assert list(PropertyName.objects.order_by("pk").values_list("key_version", flat=True)) == [1, 2, 2]
    assert list(Send.objects.order_by("pk").values_list("key_version", flat=True)) == [1, 2, 2]
    for email, count in ((ANNA, 2), (BEN, 1)):
        keys = person_key.every(email)
        assert PropertyName.objects.filter(person_key.stored("person", keys)).count() == count
        assert Send.objects.filter(person_key.stored("mailbox_hash", keys)).count() == count


def test_it_can_be_taken_back_and_made_again(then: Any) -> None:
    put(then, ANNA, 1)
    past.upgrade()
    call_command("migrate", "klaviyo", "0014", verbosity=0)
    past.upgrade()
    assert [row.key_version for row in (PropertyName.objects.get(), Send.objects.get())] == [1, 1]
