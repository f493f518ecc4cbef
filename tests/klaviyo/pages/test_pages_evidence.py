"""Whatever Klaviyo has said is shown, as it wrote it where it makes no sense; never as a broken page."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from klaviyo.pages import evidence
from referrals.models import Advocate
from tests.klaviyo.made_sends import SENDS, a_decision, a_send, page

ODD = "<script>"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "when",
    [
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00Z",
        {"a": 1},
        ["x"],
        12345,
        ODD,
    ],
    ids=str,
)
@pytest.mark.parametrize("where", ["consent_timestamp", "last_updated", "suppressed_at", "suppression", "list"])
def test_odd_times_are_no_error(browser_of_the_operator: Client, ann: Advocate, when: Any, where: str) -> None:
    said: dict[str, Any] = {"consent": f"SUBSCRIBED{ODD}", "method": ODD, "method_detail": {"x": ODD}}
    if where == "suppression":
        said["suppression"] = [{"reason": [ODD], "timestamp": when}, None, ODD]
    elif where == "list":
        said["list_suppressions"] = [{"reason": {}, "timestamp": when, "list_id": ODD}]
    else:
        said[where] = when
    send = a_send(ann)
    a_decision(send, "subscribed", ODD, said)
    assert ODD not in page(browser_of_the_operator, f"{SENDS}{send.pk}/")


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "soon"])
def test_a_time_that_is_none_stays_as_klaviyo_wrote_it(written: str) -> None:
    [word] = evidence.of({"last_updated": written}, NOON)
    assert (word.name, word.said) == ("Last changed", written)
