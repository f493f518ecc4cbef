"""Encryption at rest: secrets are sealed, bound to their place, and lost with their key, never mistaken."""

import io
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.utils import timezone

from integrations import checks, encryption
from integrations.encryption import PlainTextRefused, Undecryptable
from integrations.models import Connection, Revocation

pytestmark = pytest.mark.django_db
SECRET = "CANARY-secret"
OLD, NEW = encryption.new_key("old"), encryption.new_key("new")


@pytest.fixture(autouse=True)
def old_key(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = OLD


@pytest.fixture
def tearoom() -> Connection:
    row = Connection.objects.create(provider="teapot", account_id="A1")
    row.access_token = row.refresh_token = SECRET
    row.save()
    return row


def stored(row: Connection, column: str = "access_token") -> str:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM integrations_connection WHERE id = %s", [row.pk])
        return str(cursor.fetchone()[0])


def store(row: Connection, value: str, column: str = "access_token") -> None:
    with database.cursor() as cursor:
        cursor.execute(f"UPDATE integrations_connection SET {column} = %s WHERE id = %s", [value, row.pk])


def test_a_secret_comes_back_as_it_was(tearoom: Connection) -> None:
    assert Connection.objects.get().access_token == SECRET


def test_the_database_holds_no_plain_text(tearoom: Connection) -> None:
    value = stored(tearoom)
    assert value.startswith("v1.old.")
    assert value.count(".") == 3
    assert SECRET not in value


def test_the_same_secret_is_stored_differently_each_time(tearoom: Connection) -> None:
    assert stored(tearoom) != stored(tearoom, "refresh_token")


def test_no_secret_is_an_empty_value() -> None:
    row = Connection.objects.create(provider="teapot", account_id="A1")
    assert stored(row) == ""
    assert Connection.objects.get().access_token == ""
    assert Connection.objects.filter(access_token="").exists()


def test_a_value_of_another_row_is_refused(tearoom: Connection) -> None:
    other = Connection.objects.create(provider="teapot", account_id="B2")
    store(other, stored(tearoom))
    with pytest.raises(Undecryptable):
        _ = Connection.objects.get(pk=other.pk).access_token


def test_a_value_of_another_column_is_refused(tearoom: Connection) -> None:
    store(tearoom, stored(tearoom, "refresh_token"))
    with pytest.raises(Undecryptable):
        _ = Connection.objects.get().access_token


@pytest.mark.parametrize(
    "value", ["plain", "v1.old.AAAA.AAAA", "v2.old.a.b", "...", "v1.old..", "v1.öld.a.b", "\U0001f375"]
)
def test_a_value_that_was_never_sealed_is_refused(tearoom: Connection, value: str) -> None:
    store(tearoom, value)
    with pytest.raises(Undecryptable):
        _ = Connection.objects.get().access_token


def test_every_changed_character_is_noticed(tearoom: Connection) -> None:
    value = stored(tearoom)
    for position in range(len(value)):
        if position == len(value) - 1:
            continue  # its lowest bits are padding
        changed = "B" if value[position] != "B" else "C"
        store(tearoom, value[:position] + changed + value[position + 1 :])
        with pytest.raises(Undecryptable):
            _ = Connection.objects.get().access_token


def test_a_lost_key_is_noticed_only_when_the_secret_is_wanted(tearoom: Connection, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = NEW
    row = Connection.objects.get()
    row.refresh_from_db()
    row.account_name = "Tea House"
    row.save()
    assert str(row)
    with pytest.raises(Undecryptable, match="not in ENCRYPTION_KEYS"):
        _ = row.access_token


def test_an_older_key_still_opens(tearoom: Connection, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    assert Connection.objects.get().access_token == SECRET


def test_plain_text_is_refused_in_queries_and_updates(tearoom: Connection) -> None:
    with pytest.raises(PlainTextRefused):
        Connection.objects.filter(access_token=SECRET).exists()
    with pytest.raises(PlainTextRefused):
        Connection.objects.filter(access_token__contains=SECRET).exists()
    with pytest.raises(PlainTextRefused):
        Connection.objects.update(access_token=SECRET)


def test_a_row_without_its_key_takes_no_secret() -> None:
    with pytest.raises(PlainTextRefused, match="save the row once"):
        Connection(provider="teapot", account_id="A1", **{"access_token": SECRET})
    with pytest.raises(PlainTextRefused, match="save the row once"):
        Connection.objects.create(provider="teapot", account_id="A1", **{"access_token": SECRET})


def test_a_copied_row_cannot_take_the_secret_along(tearoom: Connection) -> None:
    tearoom.pk, tearoom.account_id = None, "B2"
    with pytest.raises(PlainTextRefused):
        tearoom.save()
    with pytest.raises(PlainTextRefused):
        Connection.objects.bulk_create([tearoom])


def test_a_row_that_knows_its_key_may_be_created_with_a_secret(tearoom: Connection) -> None:
    gives_up_at = timezone.now() + timedelta(days=1)
    rows = [Revocation(connection=tearoom, gives_up_at=gives_up_at, **{"token": SECRET}) for _ in range(2)]
    Revocation.objects.bulk_create(rows)
    assert [row.token for row in Revocation.objects.all()] == [SECRET, SECRET]
    assert isinstance(rows[0].pk, uuid.UUID)


def test_a_deferred_secret_is_loaded_when_it_is_wanted(tearoom: Connection) -> None:
    assert Connection.objects.defer("access_token").get().access_token == SECRET
    assert Connection.objects.only("account_id").get().access_token == SECRET


def test_dumps_and_prints_hold_no_secret(tearoom: Connection) -> None:
    dumped = serializers.serialize("json", Connection.objects.all())
    assert json.loads(dumped)[0]["fields"]["access_token"] == ""
    sealed = Connection.objects.values_list("access_token", flat=True).get()
    assert SECRET not in f"{dumped}{tearoom!r}{tearoom}{sealed!r}"
    assert stored(tearoom) not in f"{dumped}{sealed!r}"


@pytest.mark.parametrize(
    "keys", ["nonsense", "a:", "a:AAAA", ":" + "A" * 44, f"{OLD},{OLD}", "a b:" + "A" * 44, f"{OLD},x:!", "ä:é"]
)
def test_malformed_keys_are_an_error_with_a_hint(settings: Any, keys: str) -> None:
    settings.ENCRYPTION_KEYS = keys
    [error] = checks.encryption_keys_can_be_read()
    assert error.id == "integrations.E001"
    assert error.hint
    assert OLD.partition(":")[2] not in str(error)


@pytest.mark.parametrize("keys", ["", OLD, f"{NEW},{OLD}", f" {NEW} , {OLD} ,"])
def test_good_keys_and_none_are_no_concern_of_this_check(settings: Any, keys: str) -> None:
    settings.ENCRYPTION_KEYS = keys
    assert checks.encryption_keys_can_be_read() == []


def rotate(**options: bool) -> str:
    out = io.StringIO()
    call_command("rotate_encryption_keys", stdout=out, **options)
    return out.getvalue()


def test_rotation_seals_everything_under_the_first_key(tearoom: Connection, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    assert "integrations.Connection.access_token: 1 were sealed again under new" in rotate()
    settings.ENCRYPTION_KEYS = NEW
    row = Connection.objects.get()
    assert row.access_token == row.refresh_token == SECRET


def test_a_dry_run_changes_nothing(tearoom: Connection, settings: Any) -> None:
    before = stored(tearoom)
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    assert "1 would be sealed again" in rotate(dry_run=True)
    assert stored(tearoom) == before


def test_rotation_names_what_it_cannot_open(tearoom: Connection, settings: Any) -> None:
    before = stored(tearoom)
    settings.ENCRYPTION_KEYS = NEW
    with pytest.raises(CommandError, match=f"Connection.access_token of row {tearoom.pk} cannot be opened"):
        rotate()
    assert stored(tearoom) == before


def test_a_secret_written_during_rotation_is_kept(
    tearoom: Connection, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
    real = encryption.EncryptedTextField.open
    written: list[str] = []

    def open_while_another_writes(field: encryption.EncryptedTextField, sealed: str, pk: object) -> str:
        if not written:
            settings.ENCRYPTION_KEYS = OLD
            store(tearoom, field.seal("newer", pk))
            settings.ENCRYPTION_KEYS = f"{NEW},{OLD}"
            written.append("newer")
        return real(field, sealed, pk)

    monkeypatch.setattr(encryption.EncryptedTextField, "open", open_while_another_writes)
    rotate()
    settings.ENCRYPTION_KEYS = NEW
    assert Connection.objects.get().access_token == "newer"


def test_a_new_key_works_as_it_is_printed(tearoom: Connection, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = rotate(new_key=True).strip()
    tearoom.access_token = SECRET
    assert tearoom.access_token == SECRET
