"""The table of actions over HTTP: the same requests, the same outcome, the same thing known afterwards."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations.api import tokens
from klaviyo import actions
from klaviyo.actions import catalogue
from tests.klaviyo.actions.cases import CASES
from tests.klaviyo.actions.ways import as_json, comparable
from tests.klaviyo.actions.world import World


@pytest.mark.parametrize("name", CASES)
def test_an_action_over_http(world: World, name: str) -> None:
    case, action = CASES[name], catalogue.find(name)
    by_python = actions.run(name, world.connection, **case.given(world)).document()
    given = case.given(world)
    _, secret = tokens.make("Till", User.objects.get(username="operator"), abilities=[action.group])
    world.exchanges.clear()
    answer = Client(enforce_csrf_checks=True).post(
        f"/api/v1/connections/{world.connection.pk}/actions/{name}",
        as_json(given | ({"confirm": True} if action.asks else {})),
        content_type="application/json",
        headers={"authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 200, answer.content
    assert tuple(world.asked()) == case.asked
    told = json.loads(answer.content)
    assert comparable(told) == comparable(by_python)
    case.known(world, given, told["data"])
