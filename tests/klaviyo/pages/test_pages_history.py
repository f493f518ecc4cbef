"""Who tried sends and deliveries again, or took them back, stands in the admin's history: how many, and why."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from integrations.models import Connection
from klaviyo.models import StoreSetting
from referrals import lifecycle
from referrals.models import Advocate
from tests.klaviyo.made_sends import SENDS, State, a_send
from tests.klaviyo.story import fjord

RETRY = "/admin/integrations/deliveries/retry"


@pytest.fixture(autouse=True)
def nothing_yet(ann: Advocate) -> None:
    """What connecting has written is not meant."""
    LogEntry.objects.all().delete()


def history() -> list[tuple[str, str, str]]:
    rows = LogEntry.objects.order_by("pk").select_related("content_type")
    return [(row.content_type.model, str(row.object_id), row.change_message) for row in rows if row.content_type]


@pytest.mark.parametrize(("action", "done"), [("retry", "Tried again"), ("cancel", "Cancelled")])
def test_one_send_is_noted_on_itself(
    browser_of_the_operator: Client, operator: User, ann: Advocate, action: str, done: str
) -> None:
    send = a_send(ann, state=State.HELD, code="list_gone")
    browser_of_the_operator.post(f"{SENDS}{action}", {"send": send.pk})
    assert history() == [("send", str(send.pk), f"{done}. It was held, list_gone.")]
    assert LogEntry.objects.get().user == operator
    assert "friends.test" not in str(LogEntry.objects.values())


@pytest.mark.parametrize(("action", "done"), [("retry", "tried again"), ("cancel", "cancelled")])
def test_many_sends_are_noted_on_each_of_their_connections(
    browser_of_the_operator: Client, ann: Advocate, second_connection: Connection, action: str, done: str
) -> None:
    LogEntry.objects.all().delete()
    kari = lifecycle.join(fjord(second_connection), "kari@oslo.test")
    for number in range(3):
        a_send(ann, f"{number}@friends.test", state=State.HELD, code="list_gone")
    a_send(kari, "jon@friends.test", state=State.HELD, code="list_gone")
    a_send(ann, "cid@friends.test", state=State.HELD, code="no_mail_server")
    browser_of_the_operator.post(f"{SENDS}{action}", {"state": "held", "reason": "list_gone"})
    first = StoreSetting.objects.get(store=ann.program.store).connection
    said = f"Sends {done} (held, list_gone): "
    assert sorted(history()) == sorted(
        [("connection", str(first.pk), f"{said}3."), ("connection", str(second_connection.pk), f"{said}1.")]
    )


def test_deliveries_are_noted_in_the_same_way(browser_of_the_operator: Client, ann: Advocate) -> None:
    rows = [a_send(ann, f"{number}@friends.test", state=State.FAILED, code="odd").delivery for number in range(5)]
    browser_of_the_operator.post(RETRY, {"delivery": [rows[0].pk]})
    browser_of_the_operator.post(RETRY, {"delivery": [rows[1].pk, rows[2].pk]})
    browser_of_the_operator.post(RETRY, {"all": "1", "state": "failed", "reason": "odd"})
    account = str(rows[0].connection_id)
    assert history() == [
        ("delivery", str(rows[0].pk), "Tried again. It was failed, odd."),
        ("connection", account, "Deliveries tried again (chosen one by one): 2."),
        ("connection", account, "Deliveries tried again (failed, odd): 2."),
    ]


@pytest.mark.parametrize("action", ["retry", "cancel"])
def test_what_changed_nothing_is_not_noted(browser_of_the_operator: Client, ann: Advocate, action: str) -> None:
    gone = a_send(ann, state=State.ACCEPTED)
    for given in ({"send": gone.pk}, {"send": 0}, {"state": "held"}, {}):
        browser_of_the_operator.post(f"{SENDS}{action}", given)
    browser_of_the_operator.post(RETRY, {"delivery": [gone.delivery_id]})
    assert history() == []
