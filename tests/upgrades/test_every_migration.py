"""No migration goes out untried: each has a fixture of rows that are older, which the tests here take through it."""

from pathlib import Path

import pytest
from django.apps import apps

from tests.upgrades import past

ROOT = Path(__file__).resolve().parents[2]

FIRST = past.STORE_SETTINGS  # what came before it, it is built with
TRIED_BY: dict[str, dict[str, str]] = {
    "integrations": {
        "0004_message_holds": past.STORE_SETTINGS,
        "0005_chores": past.STORE_SETTINGS,
        "0006_retirements": past.STORE_SETTINGS,
        "0007_one_word_for_not_sent": past.STORE_SETTINGS,
        "0008_places": past.STORE_SETTINGS,
        "0009_parts": past.STORE_SETTINGS,
        "0010_api_tokens": past.STORE_SETTINGS,
        "0011_runs_and_asked_scopes": past.STORE_SETTINGS,
        "0012_private_keys": past.STORE_SETTINGS,
        "0013_room": past.STORE_SETTINGS,
        "0014_enabling": past.STORE_SETTINGS,
        "0018_notices": past.STORE_SETTINGS,
        "0017_lean_attempts": past.STORE_SETTINGS,
        "0015_leaving": past.STORE_SETTINGS,
        "0016_days": past.STORE_SETTINGS,
        "0019_lean_parts": past.STORE_SETTINGS,
        "0020_packed_ids": past.STORE_SETTINGS,
        "0021_places_as_they_ended": past.STORE_SETTINGS,
    },
    "klaviyo": {
        "0005_store_settings": past.STORE_SETTINGS,
        "0006_owed_noes": past.STORE_SETTINGS,
        "0007_operators_may_release_messages": past.STORE_SETTINGS,
        "0008_erasures_are_owed": past.STORE_SETTINGS,
        "0009_caps_by_mailbox": past.STORE_SETTINGS,
        "0010_property_names": past.STORE_SETTINGS,
        "0011_account_lists": past.STORE_SETTINGS,
        "0012_other_addresses": past.STORE_SETTINGS,
        "0013_plain_domains": past.STORE_SETTINGS,
        "0014_store_time_zones": past.STORE_SETTINGS,
        "0015_shared_tries": past.STORE_SETTINGS,
        "0016_domains_in_other_spellings": past.STORE_SETTINGS,
        "0017_key_versions": past.STORE_SETTINGS,
        "0018_older_key_versions": past.STORE_SETTINGS,
        "0019_action_runs": past.STORE_SETTINGS,
        "0020_runs_to_forget": past.STORE_SETTINGS,
        "0021_queued_runs": past.STORE_SETTINGS,
        "0022_runs_of_tokens": past.STORE_SETTINGS,
        "0023_operators_may_run_actions": past.STORE_SETTINGS,
        "0025_stored_since": past.STORE_SETTINGS,
        "0029_operators_may_manage_notices": past.STORE_SETTINGS,
        "0026_switches": past.STORE_SETTINGS,
        "0024_operators_may_read_activity": past.STORE_SETTINGS,
        "0027_backfill_runs": past.STORE_SETTINGS,
        "0028_operators_may_backfill": past.STORE_SETTINGS,
        "0030_flows": past.STORE_SETTINGS,
        "0031_heard_noes": past.STORE_SETTINGS,
        "0032_facts_until": past.STORE_SETTINGS,
        "0033_syncs": past.STORE_SETTINGS,
        "0034_operators_may_sync": past.STORE_SETTINGS,
    },
    "referrals": {
        "0003_standing_noes": past.STORE_SETTINGS,
        "0004_submissions": past.STORE_SETTINGS,
        "0005_tallies": past.STORE_SETTINGS,
        "0006_numbers_without_a_country": past.STORE_SETTINGS,
        "0007_plain_addresses": past.STORE_SETTINGS,
        "0008_plain_domains": past.STORE_SETTINGS,
        "0009_machines_and_time_zones": past.STORE_SETTINGS,
    },
}


def migrations(app: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / app / "migrations").glob("[0-9]*.py"))


def test_every_app_of_ours_is_asked() -> None:
    ours = {config.name for config in apps.get_app_configs() if ROOT in Path(config.path).parents}
    assert {app for app in ours if migrations(app.replace(".", "/"))} == TRIED_BY.keys()


@pytest.mark.parametrize("app", TRIED_BY)
def test_each_migration_is_tried_by_a_fixture(app: str) -> None:
    built_with = past.read(FIRST)["migrations"][app]
    assert built_with in migrations(app)
    assert [name for name in migrations(app) if name > built_with] == sorted(TRIED_BY[app])


@pytest.mark.parametrize("app", TRIED_BY)
def test_a_fixture_is_older_than_what_it_tries(app: str) -> None:
    for migration, fixture in TRIED_BY[app].items():
        assert past.read(fixture)["migrations"][app] < migration
