"""The table of actions over the command line: the same requests, the same outcome, the same thing known afterwards."""

import io
import json
import sys
from typing import Any

import pytest
from django.core.management import call_command

from klaviyo import actions
from klaviyo.actions import catalogue
from tests.klaviyo.actions.cases import CASES
from tests.klaviyo.actions.ways import as_json, comparable, shape
from tests.klaviyo.actions.world import World


@pytest.mark.parametrize("name", CASES)
def test_an_action_from_the_command_line(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case, action = CASES[name], catalogue.find(name)
    by_python = actions.run(name, world.connection, **case.given(world)).document()
    given = case.given(world)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(as_json(given))))
    world.exchanges.clear()
    out = io.StringIO()
    yes = ["--yes"] if action.asks else []
    call_command("klaviyo", name, "--connection", str(world.connection.pk), "--input", "-", "--json", *yes, stdout=out)
    assert tuple(world.asked()) == case.asked
    said = out.getvalue()
    if action.is_listing:
        items: list[Any] = [json.loads(line) for line in said.splitlines()]
        assert shape(items) == shape(by_python["data"]["items"])
        return
    told = json.loads(said)
    assert comparable(told) == comparable(by_python)
    case.known(world, given, told["data"])
