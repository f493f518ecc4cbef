"""Needs of accounts: each change is told once to whoever has chosen it, and so is that all is well again."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection as database
from django.db import connections

from integrations.models import Connection, Need, Notice, NoticeAddress, NoticeDelivery
from integrations.notices import all_of_them, needs
from tests.integrations.kettle import connected

C = Connection.State


def an_address(*names: str) -> NoticeAddress:
    chosen = list(names) or [kind.name for kind in all_of_them()]
    return NoticeAddress.objects.create(kind="email", shown="team@shop.test", names=chosen)


def told() -> list[str]:
    return list(Notice.objects.order_by("at").values_list("name", flat=True))


def now_is(connection: Connection, state: C, problem: str = "") -> int:
    Connection.objects.filter(pk=connection.pk).update(state=state, problem=problem)
    return needs.watch()


@pytest.mark.usefixtures("kettle", "db")
def test_each_change_is_told_once() -> None:
    an_address()
    connection = connected("A1")
    assert needs.watch() == 0
    assert now_is(connection, C.RECONNECT, "The app was removed.") == 1
    assert needs.watch() == 0
    said = Notice.objects.get().data
    assert said["connection"] == connection.pk
    assert said["sentence"] == "The app was removed."
    assert said["page"] == f"http://localhost:8000/admin/integrations/{connection.pk}/"
    assert now_is(connection, C.CONNECTED) == 1
    assert needs.watch() == 0
    assert told() == ["connection.needs_somebody", "connection.well_again"]
    assert not Need.objects.exists()


@pytest.mark.usefixtures("kettle", "db")
def test_another_need_is_another_notice_and_a_disconnect_is_not_called_well() -> None:
    an_address()
    connection = connected("A1")
    now_is(connection, C.RECONNECT)
    now_is(connection, C.UNDECIDED)
    now_is(connection, C.DISCONNECTED)
    assert [one.data.get("code") for one in Notice.objects.order_by("at")] == ["reconnect", "decide", None]
    assert told()[-1] == "connection.disconnected"


@pytest.mark.usefixtures("kettle", "db")
def test_only_what_was_chosen_is_told_and_nothing_while_it_is_off() -> None:
    well = an_address("connection.well_again")
    off = an_address()
    NoticeAddress.objects.filter(pk=off.pk).update(is_on=False)
    connection = connected("A1")
    now_is(connection, C.RECONNECT)
    assert told() == []
    now_is(connection, C.CONNECTED)
    assert [one.address for one in NoticeDelivery.objects.all()] == [well]


@pytest.mark.usefixtures("kettle", "transactional_db")
def test_two_workers_that_look_at_once_tell_it_once() -> None:
    an_address()
    connection = connected("A1")
    Connection.objects.filter(pk=connection.pk).update(state=C.RECONNECT)

    def look(_: int) -> int:
        try:
            return needs.watch()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4 if database.vendor == "postgresql" else 1) as workers:
        assert sum(workers.map(look, range(4))) == 1
    assert told() == ["connection.needs_somebody"]
