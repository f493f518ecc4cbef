"""An action from end to end: checked, asked of Klaviyo over HTTP, and on record."""

from collections.abc import Callable

import pytest

from integrations.models import Connection
from klaviyo import actions
from klaviyo.models import ActionRun
from klaviyo.sandbox import Exchange

pytestmark = pytest.mark.django_db


def test_a_profile_is_made_found_and_changed(sent: Callable[[], list[Exchange]], connection: Connection) -> None:
    made = actions.run("create_profile", connection, email="ann@shop.example", first_name="Ann", city="Oulu")
    assert (made.outcome, made.data["data"]["attributes"]["location"]["city"]) == ("success", "Oulu")
    again = actions.run("create_profile", connection, email="ann@shop.example")
    assert (again.outcome, again.code) == ("failure", "duplicate_profile")
    assert again.data["duplicate_profile_id"] == made.data["id"]
    found = actions.run("get_profiles", connection, email="Ann@shop.example")
    assert found.data["id"] == made.data["id"]
    assert found.data["subscriptions_known"]
    changed = actions.run(
        "update_profile", connection, email="ann@shop.example", title="Dr", clear=["first_name", "properties.tier"]
    )
    assert changed.data["data"]["attributes"]["title"] == "Dr"
    assert [(one.method, one.status) for one in sent()][-5:] == [
        ("POST", 201),
        ("POST", 409),
        ("GET", 200),
        ("GET", 200),
        ("PATCH", 200),
    ]
    rows = ActionRun.objects.order_by("began_at")
    assert [row.outcome for row in rows] == ["success", "failure", "success", "success"]
    assert rows[0].people.count() == 2  # their address and their profile's id


def test_bad_input_names_each_field(connection: Connection) -> None:
    with pytest.raises(actions.BadInput) as problem:
        actions.run("create_profile", connection, emial="x@y.example", latitude=91)
    assert {one.pointer for one in problem.value.problems} == {"/emial", "/latitude"}


def test_a_list_is_walked_page_by_page(sent: Callable[[], list[Exchange]], connection: Connection) -> None:
    for number in range(12):
        actions.run("create_list", connection, name=f"List {number}")
    pages = list(actions.stream("list_lists", connection, all=True))
    assert [len(page.items) for page in pages] == [10, 2]
    assert actions.run("list_lists", connection, limit=3).data["count"] == 3
    rest = actions.run("list_lists", connection, **{"from": pages[0].next})
    assert rest.data["items"] == pages[1].items
    assert [one.method for one in sent()][-3:] == ["GET", "GET", "GET"]
