"""The table of actions: each of the 98, over Python. The requests are those that it names, in that order."""

import pytest

from klaviyo import actions
from klaviyo.actions import catalogue
from tests.klaviyo.actions.cases import CASES
from tests.klaviyo.actions.world import World


def test_none_is_missing() -> None:
    assert set(CASES) == set(catalogue.names())


@pytest.mark.parametrize("name", CASES)
def test_an_action_asks_what_it_names(world: World, name: str) -> None:
    case = CASES[name]
    given = case.given(world)
    world.exchanges.clear()
    outcome = actions.run(name, world.connection, **given)
    asked = world.asked()
    assert outcome.outcome == "success", outcome
    assert tuple(asked) == case.asked
    case.known(world, given, outcome.data)
