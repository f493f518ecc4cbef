"""The table of actions, over the admin's forms: each of the 98 does there what it does over Python."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from klaviyo import actions
from klaviyo.actions import catalogue, checking, record
from klaviyo.models import ActionRun
from klaviyo.pages import action_forms
from tests.klaviyo.actions.cases import CASES
from tests.klaviyo.actions.world import World


@pytest.fixture
def browser(world: World) -> Client:
    client = Client()
    client.force_login(User.objects.get(username="operator"))
    return client


def form_of(world: World, name: str) -> str:
    return f"/admin/klaviyo/actions/{world.connection.pk}/{name}/"


def typed(name: str, given: dict[str, Any]) -> dict[str, list[str]]:
    """What one would type for an input."""
    action = catalogue.find(name)
    plain = record.plain(checking.checked(action, given))
    written = action_forms.written(action, plain)
    if "secret_key" in given:
        written["secret_key"] = given["secret_key"]
    return dict(written.lists())


def post(browser: Client, world: World, name: str, data: dict[str, Any], button: str = "run") -> Any:
    return browser.post(form_of(world, name), {**data, button: "1", "once": "a"})


def run_behind(answer: HttpResponse) -> ActionRun:
    """The run that a page leads on to."""
    assert answer.status_code == 302, re.findall(r"errorlist.*?</ul>|errornote.*?</div>", answer.content.decode(), re.S)
    return ActionRun.objects.get(pk=answer["Location"].rstrip("/").rpartition("/")[2])


@pytest.mark.parametrize("name", CASES)
def test_an_action_does_over_its_form_what_it_does_over_python(world: World, browser: Client, name: str) -> None:
    case, action = CASES[name], catalogue.find(name)
    given = case.given(world)
    world.exchanges.clear()
    row = run_behind(post(browser, world, name, {**typed(name, given), "sure": "yes"}))
    outcome = record.outcome_of(row)
    assert outcome is not None
    assert outcome.outcome == "success", outcome
    asked = tuple(world.asked())
    looked_up = asked[: len(asked) - len(case.asked)]  # an id without a digit may be a name, and is looked for first
    assert asked == (*looked_up, *case.asked)
    assert all(one.startswith("get_") for one in looked_up)
    assert (row.origin, row.user.username if row.user else "") == ("page", "operator")
    assert checking.checked(action, json.loads(row.given)) == checking.checked(action, given)
    case.known(world, given, outcome.data)
    if action.is_read and not name.startswith("query_"):  # reports have an id of their own each time
        assert outcome.data == actions.run(name, world.connection, **given).data
