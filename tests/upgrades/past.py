"""Yesterday's installation: a database of its own at the migrations of then, with the rows of then in it.

A fixture is JSON: which migrations it was written at, who may do what, and rows by model, each with the columns that
are not at their default. A time is written as seconds from the moment at which it was taken: "@-12.5".
"""

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.color import no_style
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection as database
from django.db import transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import DateTimeField, Field
from django.utils import timezone

from integrations.encryption import EncryptedTextField, Sealed

STORE_SETTINGS = "before_store_settings.json"
HERE = Path(__file__).resolve().parent
OURS = {"integrations", "klaviyo", "referrals"}
TIME = re.compile(r'"@([+-][\d.]+)"')

Fixture = dict[str, Any]


def read(name: str, taken_at: datetime | None = None, renamed: Mapping[str, str] | None = None) -> Any:
    """A fixture as if it had been taken then, or now; `renamed` are ids that the outside world has given anew."""
    at, text = taken_at or timezone.now(), (HERE / name).read_text()
    text = TIME.sub(lambda found: f'"{(at + timedelta(seconds=float(found[1]))).isoformat()}"', text)
    for old, new in (renamed or {}).items():
        text = text.replace(f'"{old}"', f'"{new}"')
    return json.loads(text)


def create_database(folder: Path, like: str = "") -> str:
    """An empty database, or a copy of another that nobody is connected to; its name."""
    if database.vendor == "postgresql":
        name = f"upgraded_{uuid.uuid4().hex}"
        _administer(f'CREATE DATABASE "{name}" TEMPLATE "{like or "template0"}"')
        return name
    path = folder / "upgraded.sqlite3"
    if like:
        shutil.copy(like, path)
    return str(path)


def drop_database(name: str) -> None:
    if database.vendor == "postgresql":
        _administer(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def turned_to(name: str) -> Iterator[None]:
    """All goes to this database instead of to the tests' own, which is left as it is."""
    tests_own = str(database.settings_dict["NAME"])
    _turn_to(name)
    try:
        yield
    finally:
        _turn_to(tests_own)


def migrate(to: Mapping[str, str]) -> None:
    """To the schema of then, as the command does it: with content types and permissions."""
    models = MigrationExecutor(database).migrate(_targets(to)).apps
    emit_post_migrate_signal(0, False, database.alias, apps=models)


def fill_in(fixture: Fixture) -> None:
    """What the fixture holds, through the models of then."""
    then = models_at(fixture["migrations"])
    models = {then.get_model(name): rows for name, rows in fixture["rows"].items()}
    with transaction.atomic(), database.constraint_checks_disabled(), database.cursor() as cursor:
        _let_in(fixture)
        for model, rows in models.items():
            _insert(cursor, model, rows)
        for statement in database.ops.sequence_reset_sql(no_style(), list(models)):
            cursor.execute(statement)


def models_at(to: Mapping[str, str]) -> Any:
    """The models as they were at those migrations: by `get_model`."""
    return _models_at(tuple(sorted(to.items())))


@cache
def _models_at(to: tuple[tuple[str, str], ...]) -> Any:
    return MigrationExecutor(database).loader.project_state(_targets(dict(to))).apps


def upgrade() -> None:
    """What whoever installs the new version runs."""
    call_command("migrate", verbosity=0)
    ContentType.objects.clear_cache()


def shift_times(by: timedelta) -> None:
    """All that the tables of our apps say of when is later by so much; on SQLite, where few are tried, it stays."""
    if database.vendor != "postgresql":
        return
    seconds = f"{by.total_seconds()} seconds"
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for model in apps.get_models():
            columns = [field.column for field in model._meta.concrete_fields if isinstance(field, DateTimeField)]
            if columns and model._meta.app_label in OURS:
                shifted = ", ".join(f'"{column}" = "{column}" + %(by)s::interval' for column in columns)
                cursor.execute(f'UPDATE "{model._meta.db_table}" SET {shifted}', {"by": seconds})


def _administer(statement: str) -> None:
    with database._nodb_cursor() as cursor:
        cursor.execute(statement)


def _turn_to(name: str) -> None:
    database.close()
    database.settings_dict["NAME"] = name
    ContentType.objects.clear_cache()


def _targets(to: Mapping[str, str]) -> list[tuple[str, str]]:
    """These, and the newest of all other apps, which are Django's own."""
    newest = MigrationExecutor(database).loader.graph.leaf_nodes()
    return [*(node for node in newest if node[0] not in to), *to.items()]


def _let_in(fixture: Fixture) -> None:
    """Groups and users, with what they may do by name; of the tables of Django itself, which did not change."""
    Group.objects.all().delete()
    for name, permissions in fixture["groups"].items():
        Group.objects.create(name=name).permissions.set(_permissions(permissions))
    for one in fixture["users"]:
        user = User.objects.create_user(one["username"], is_staff=True, pk=one["pk"])
        user.groups.set(Group.objects.filter(name__in=one["groups"]))
        user.user_permissions.set(_permissions(one["permissions"]))


def _permissions(names: list[str]) -> list[Permission]:
    pairs = [name.split(".") for name in names]
    return [Permission.objects.get(content_type__app_label=app, codename=codename) for app, codename in pairs]


def _insert(cursor: Any, model: Any, rows: list[dict[str, Any]]) -> None:
    """Past the model, which would write the time of today into what says when it was made."""
    fields = model._meta.concrete_fields
    columns = ", ".join(database.ops.quote_name(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    cursor.executemany(
        f"INSERT INTO {database.ops.quote_name(model._meta.db_table)} ({columns}) VALUES ({places})",
        [[_stored(field, row) for field in fields] for row in rows],
    )


def _stored(field: "Field[Any, Any]", row: dict[str, Any]) -> Any:
    if field.attname not in row:
        value = None if field.null else field.get_default()
    elif isinstance(field, EncryptedTextField):
        value = Sealed(row[field.attname])
    else:
        value = field.to_python(row[field.attname])
    return field.get_db_prep_save(value, database)
