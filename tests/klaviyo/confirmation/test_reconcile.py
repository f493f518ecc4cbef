"""`manage.py reconcile`: the account of a period, what is missing or extra in it, and that it can be mended."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo.api import events as events_api
from klaviyo.api.client import Client
from klaviyo.confirmation import compare
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Invite
from tests.conftest import Drain
from tests.klaviyo.confirmation.reading_cast import events, lose, read_back, time_passes
from tests.klaviyo.sending_cast import RECEIVED, flows
from tests.klaviyo.story import BEN, CID, TEA, State, metrics

CONVERSION = "Sorae Conversion"
LONG_AGO = timedelta(days=3)
EVEN = "Nothing is missing, and nothing is there that should not be."


def reconcile(connection: Connection, *options: str, since: str = "2020-01-01") -> tuple[int, str]:
    """What it ends with, and what it says."""
    said = io.StringIO()
    try:
        call_command("reconcile", "--connection", str(connection.pk), "--since", since, *options, stdout=said)
    except SystemExit as end:
        return int(str(end.code)), said.getvalue()
    return 0, said.getvalue()


def number(said: str, line: str) -> str:
    """What stands beside a line of the tables."""
    [found] = [text for text in said.splitlines() if "│" in text and text.strip().startswith(line)]
    return found.split()[-1]


@pytest.fixture
def told(ann: Advocate, drain: Drain) -> None:
    """Five events of three days ago, some of them read back."""
    at = timezone.now() - LONG_AGO
    lifecycle.invite(ann, BEN, occurred_at=at)
    lifecycle.convert(ann, order_id="1", friend_email=CID, total="1", currency="EUR", occurred_at=at)
    drain()
    read_back()
    time_passes(LONG_AGO)


def test_an_account_in_which_all_is_well(connection: Connection, told: None) -> None:
    status, said = reconcile(connection)
    assert status == 0
    assert EVEN in said
    assert number(said, "facts") == "3"
    assert number(said, "confirmed") == number(said, "there, and confirmed here") == "5"
    assert number(said, "events that the facts call for") == "5"
    assert number(said, "missing") == number(said, "extra") == "0"


def test_what_klaviyo_lost_is_named_and_sent_again_on_request(
    sandbox: Sandbox, connection: Connection, ann: Advocate, told: None, drain: Drain
) -> None:
    lose(sandbox, CONVERSION)
    status, said = reconcile(connection)
    assert (status, number(said, "missing")) == (1, "1")
    assert "missing: Sorae Conversion of" in said
    assert set(events()) == {(State.CONFIRMED, "")}
    status, said = reconcile(connection, "--repair")
    assert status == 1
    assert "1 was sent again." in said
    drain()
    assert metrics(sandbox, ann.email).count(CONVERSION) == 1
    read_back()
    assert reconcile(connection)[0] == 0


def test_an_invite_that_klaviyo_lost_is_not_sent_again(
    sandbox: Sandbox, connection: Connection, told: None, drain: Drain
) -> None:
    lose(sandbox, RECEIVED)
    status, said = reconcile(connection, "--repair")
    assert status == 1
    assert "1 of the missing is not sent again: invites, reminders, and erased." in said
    drain()
    assert flows(sandbox, BEN) == []
    assert Delivery.objects.get(send__isnull=False).reason_code == "not_confirmed"


def test_what_was_taken_a_moment_ago_is_not_called_missing(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    drain()
    sandbox.settings(event_delay=100)
    lifecycle.convert(ann, order_id="1", friend_email=CID, total="1", currency="EUR")
    drain()
    time_passes(timedelta(minutes=1))
    until = (timezone.now() + timedelta(days=1)).date().isoformat()
    status, said = reconcile(connection, "--until", until)
    assert (status, number(said, "too new to be called missing")) == (0, "2")


def test_an_event_that_no_delivery_told_is_extra(sandbox: Sandbox, connection: Connection, told: None) -> None:
    forgotten = Delivery.objects.filter(options__metric="conversion")
    forgotten.delete()
    status, said = reconcile(connection)
    assert (status, number(said, "extra")) == (1, "1")
    assert "extra: Sorae Conversion of" in said


def test_an_event_of_our_metrics_that_somebody_else_made_is_extra(
    sandbox: Sandbox, connection: Connection, told: None
) -> None:
    with sandbox._world.database.transaction() as sql:
        metric = "(SELECT metric FROM events WHERE metric IN (SELECT id FROM metrics WHERE name = 'Sorae Conversion'))"
        sql.execute(f"UPDATE events SET unique_id = 'by-hand', properties = '{{}}' WHERE metric IN {metric}")
    status, said = reconcile(connection)
    assert (status, number(said, "extra"), number(said, "missing")) == (1, "1", "1")
    assert "event id by-hand" in said


def test_what_others_tell_the_account_is_none_of_ours(sandbox: Sandbox, connection: Connection, told: None) -> None:
    with sandbox._world.database.transaction() as sql:
        sql.execute("UPDATE metrics SET name = 'Placed Order' WHERE name = 'Sorae Conversion'")
        sql.execute(
            "UPDATE events SET unique_id = 'order-1', properties = '{}' "
            "WHERE metric IN (SELECT id FROM metrics WHERE name = 'Placed Order')"
        )
    Delivery.objects.filter(options__metric="conversion").delete()
    assert reconcile(connection)[0] == 0


def test_an_invite_that_is_there_although_our_books_say_no_is_noticed(
    sandbox: Sandbox, connection: Connection, told: None
) -> None:
    Delivery.objects.filter(send__isnull=False).update(state=State.CANCELLED, reason_code="operator", confirmed_at=None)
    Invite.objects.update(went_out_at=None)
    status, said = reconcile(connection)
    assert (status, number(said, "there, though")) == (1, "1")
    _, said = reconcile(connection, "--repair")
    assert "1 was confirmed." in said
    assert Delivery.objects.get(send__isnull=False).state == State.CONFIRMED
    assert Invite.objects.get().went_out_at is not None


def test_what_was_accepted_and_is_there_is_confirmed_by_a_repair_only(
    sandbox: Sandbox, connection: Connection, told: None
) -> None:
    Delivery.objects.filter(kind="event").update(state=State.ACCEPTED, confirmed_at=None)
    status, said = reconcile(connection)
    assert (status, number(said, "there, to be confirmed here")) == (0, "5")
    assert {state for state, _ in events()} == {State.ACCEPTED}
    _, said = reconcile(connection, "--repair")
    assert "5 were confirmed." in said
    assert {state for state, _ in events()} == {State.CONFIRMED}


def test_facts_that_nothing_was_queued_for_are_counted(connection: Connection, ann: Advocate, told: None) -> None:
    Delivery.objects.filter(source=str(ann.uid)).delete()
    _, said = reconcile(connection, "--until", (timezone.now() + timedelta(days=1)).date().isoformat())
    assert number(said, "of these, queued") == "1"
    assert f"never queued: person {ann.uid}" in said


def test_it_holds_of_a_period_and_not_beyond(sandbox: Sandbox, connection: Connection, told: None) -> None:
    lose(sandbox, CONVERSION)
    day = (timezone.now() - timedelta(days=1)).date().isoformat()
    status, said = reconcile(connection, since=day)
    assert (status, number(said, "missing")) == (0, "0")


def test_long_periods_are_compared_a_page_at_a_time(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_api, "READ_AT_ONCE", 7)
    monkeypatch.setattr(compare, "AT_ONCE", 5)
    for visit in range(40):
        at = timezone.now() - timedelta(hours=visit // 3)  # several of one second
        lifecycle.visit(ann, landing_page=f"https://teahouse.example/{visit}", occurred_at=at)
    drain()
    time_passes(LONG_AGO)
    with sandbox._world.database.transaction() as sql:
        sql.execute("DELETE FROM events WHERE seq % 4 = 0 AND time < strftime('%s', 'now') - 60")
        left = sql.execute("SELECT COUNT(*) FROM events").fetchone()[0]
    until = timezone.now() + timedelta(hours=1)
    found = list(compare.compare(Client(connection), until - timedelta(days=9), until))
    verdicts = [one.verdict for one in found]
    assert verdicts.count(compare.Verdict.TO_CONFIRM) == left
    assert verdicts.count(compare.Verdict.MISSING) == 41 - left > 5
    assert len(found) == 41


@pytest.mark.parametrize("trouble", ["500", "429", "truncated", "not_json", "html_403"])
def test_without_a_whole_answer_there_is_no_account(
    sandbox: Sandbox, connection: Connection, told: None, trouble: str
) -> None:
    sandbox.fault("get_events", trouble, count=5)
    with pytest.raises(CommandError, match="Klaviyo did not tell everything, so there is no account"):
        reconcile(connection, "--repair")
    assert set(events()) == {(State.CONFIRMED, "")}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"connection": 999_999}, "There is no connection 999999 to Klaviyo. There are: "),
        ({"since": "soon"}, "--since is a day such as 2026-11-01"),
        ({"since": "2026-13-01"}, "--since is a day such as 2026-11-01"),
        ({"until": "then"}, "--until is a day such as 2026-11-01"),
        ({"since": "2026-11-02", "until": "2026-11-01T10:00"}, "--since must be earlier than --until"),
        ({"since": "2999-01-01"}, "--since must be earlier than --until, and than now"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(
    connection: Connection, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("reconcile", **{"connection": connection.pk, "since": "2026-11-01"} | options)


def test_an_account_that_is_not_connected_cannot_be_asked(connection: Connection) -> None:
    Connection.objects.update(state=Connection.State.RECONNECT)
    with pytest.raises(CommandError, match="is not connected, so Klaviyo cannot be asked"):
        reconcile(connection)


def test_only_the_account_that_was_named_is_compared(
    sandbox: Sandbox, connection: Connection, second_connection: Connection, told: None
) -> None:
    lose(sandbox, CONVERSION, TEA)
    assert reconcile(second_connection)[0] == 0
    assert reconcile(connection)[0] == 1
