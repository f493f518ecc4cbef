"""The ledger law catches the faults that it is there for: a lost fact, a fact told twice, a fact never accepted."""

import uuid
from typing import Any

import pytest

from integrations.models import Delivery
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.faults import ledger
from tests.klaviyo.story import TEA, State


@pytest.fixture
def facts(ann: Advocate, drain: Drain) -> list[str]:
    """What was told of Ann, and how it ended well."""
    lifecycle.visit(ann)
    drain()
    return list(Delivery.objects.values_list("key", flat=True))


def test_it_holds_on_a_good_day(sandbox: Sandbox, facts: list[str]) -> None:
    ledger.holds(sandbox, TEA, facts)
    ledger.all_is_told(facts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": State.SENDING}, "somebody still holds"),
        ({"state": State.SKIPPED}, "counts as not told"),
        ({"key": "another"}, "a fact is lost"),
    ],
    ids=["still held", "told all the same", "lost"],
)
def test_it_breaks_when_a_row_says_otherwise(
    sandbox: Sandbox, facts: list[str], change: dict[str, Any], said: str
) -> None:
    one = Delivery.objects.filter(kind="event").latest("pk")
    Delivery.objects.filter(pk=one.pk).update(**change)
    with pytest.raises(AssertionError, match=said):
        ledger.holds(sandbox, TEA, facts)


def test_it_breaks_when_klaviyo_has_not_got_what_counts_as_accepted(sandbox: Sandbox, facts: list[str]) -> None:
    one = Delivery.objects.filter(kind="event").latest("pk")
    one.body["data"]["attributes"]["unique_id"] = str(uuid.uuid4())
    one.save()
    with pytest.raises(AssertionError, match="is not there"):
        ledger.holds(sandbox, TEA, facts)


def test_it_breaks_when_something_still_waits(facts: list[str]) -> None:
    Delivery.objects.filter(kind="event").update(state=State.QUEUED)
    with pytest.raises(AssertionError):
        ledger.all_is_told(facts)
