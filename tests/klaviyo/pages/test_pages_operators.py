"""The operators' group: complete on a new site, completed once by an upgrade, and otherwise the site's own business."""

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection as database

from klaviyo.pages import operators

UPGRADE: Any = importlib.import_module("klaviyo.migrations.0003_operators_may_see_sends")
BACKFILLS: Any = importlib.import_module("klaviyo.migrations.0028_operators_may_backfill")
SYNCS: Any = importlib.import_module("klaviyo.migrations.0034_operators_may_sync")
BROUGHT = {name for names in UPGRADE.NEW.values() for name in names}


@pytest.fixture
def group(db: None) -> Group:
    return Group.objects.get(name=operators.NAME)


def upgrade() -> None:
    with database.schema_editor() as editor:
        UPGRADE.grant(apps, SimpleNamespace(connection=editor.connection))


def names_of(group: Group) -> set[str]:
    return set(group.permissions.values_list("codename", flat=True))


def test_a_new_site_has_all_of_it(group: Group) -> None:
    assert names_of(group) == {name for names in operators.PERMISSIONS.values() for name in names}
    assert names_of(group) > BROUGHT


@pytest.mark.parametrize("are_there", [True, False])
@pytest.mark.django_db(transaction=True)
def test_an_upgrade_adds_what_the_version_brings_and_takes_nothing(are_there: bool) -> None:
    operators.ensure_groups()
    group = Group.objects.get(name=operators.NAME)
    kept = Permission.objects.filter(codename__in=["view_connection", "add_user"])
    group.permissions.set(kept)
    if not are_there:
        Permission.objects.filter(codename__in=BROUGHT).delete()
    upgrade()
    assert names_of(group) == BROUGHT | {"view_connection", "add_user"}
    assert Permission.objects.filter(codename="view_send").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_upgrade_gives_nothing_to_other_groups_and_makes_none() -> None:
    operators.ensure_groups()
    group = Group.objects.get(name=operators.NAME)
    group.permissions.clear()
    Group.objects.filter(pk=group.pk).update(name="Renamed by the site")
    upgrade()
    assert names_of(group) == set()
    assert Group.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_upgrade_lets_operators_run_backfills_and_viewers_see_them() -> None:
    operators.ensure_groups()
    groups = [Group.objects.get(name=name) for name in (operators.NAME, operators.VIEWERS)]
    for group in groups:
        group.permissions.clear()
    Permission.objects.filter(codename="run_backfill").delete()  # it is new: an upgrade makes it
    with database.schema_editor() as editor:
        BACKFILLS.grant(apps, SimpleNamespace(connection=editor.connection))
    assert [names_of(group) for group in groups] == [{"run_backfill", "view_backfill"}, {"view_backfill"}]


@pytest.mark.django_db(transaction=True)
def test_an_upgrade_lets_operators_make_and_run_syncs_and_viewers_see_them() -> None:
    operators.ensure_groups()
    groups = [Group.objects.get(name=name) for name in (operators.NAME, operators.VIEWERS)]
    for group in groups:
        group.permissions.clear()
    Permission.objects.filter(codename="see_synced_people").delete()  # as of a site before this version
    with database.schema_editor() as editor:
        SYNCS.grant(apps, SimpleNamespace(connection=editor.connection))
    assert [names_of(group) for group in groups] == [set(SYNCS.OF_SYNCS), {"view_sync"}]
