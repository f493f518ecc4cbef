"""All actions once more: a dry run sends nothing and tells what would be asked; a private key asks the same."""

import pytest
from django import conf
from django.contrib.auth.models import User
from pytest_django import Settings

from klaviyo import actions
from klaviyo.models import ActionRun
from klaviyo.sandbox import Exchange, Sandbox
from tests import consent_screen
from tests.klaviyo.actions.cases import CASES
from tests.klaviyo.actions.world import World, sdk

#: Klaviyo allows webhooks to apps alone: https://developers.klaviyo.com/en/reference/webhooks_api_overview
FOR_APPS = frozenset(name for name in CASES if "webhook" in name)


@pytest.fixture
def keyed(db: None, settings: Settings, one_sandbox: tuple[Sandbox, list[Exchange]]) -> World:
    klaviyo, seen = one_sandbox
    settings.KLAVIYO_API_URL = klaviyo.url
    user = User.objects.create_superuser("operator", "", "operator")
    connection = consent_screen.keyed_by(user, klaviyo)
    assert klaviyo.url == conf.settings.KLAVIYO_API_URL
    return World(klaviyo, connection, seen, sdk(klaviyo))


@pytest.mark.parametrize("name", sorted(CASES.keys() - FOR_APPS))
def test_a_key_asks_what_a_dry_run_has_told(keyed: World, name: str) -> None:
    case = CASES[name]
    given = case.given(keyed)
    keyed.exchanges.clear()
    rehearsed = actions.run(name, keyed.connection, actions.How(dry=True), **given)
    assert rehearsed.outcome == "success", rehearsed
    assert keyed.exchanges == []
    assert ActionRun.objects.latest("began_at").is_dry
    told = actions.run(name, keyed.connection, **given)
    assert told.outcome == "success", told
    assert tuple(keyed.asked()) == case.asked
    assert {one.scheme for one in keyed.exchanges} == {"Klaviyo-API-Key"}
    planned = rehearsed.data["requests"]
    assert tuple(one["operation"] for one in planned) == case.asked
    assert [one["method"] for one in planned] == [one.method for one in keyed.exchanges]


@pytest.mark.parametrize("name", sorted(FOR_APPS))
def test_a_dry_run_about_webhooks_sends_nothing(world: World, name: str) -> None:
    case = CASES[name]
    given = case.given(world)
    world.exchanges.clear()
    rehearsed = actions.run(name, world.connection, actions.How(dry=True), **given)
    assert rehearsed.outcome == "success", rehearsed
    assert tuple(one["operation"] for one in rehearsed.data["requests"]) == case.asked
    assert world.exchanges == []
