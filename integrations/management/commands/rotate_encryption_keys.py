"""Key rotation: encrypts every secret in the database again, under the first key of ENCRYPTION_KEYS."""

from collections.abc import Iterator
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import models

from integrations import encryption
from integrations.encryption import EncryptedTextField, Sealed, Undecryptable

BATCH = 500


class Command(BaseCommand):
    help = (
        "Seals every secret again under the first key of ENCRYPTION_KEYS. Put the new key first, keep the old "
        "one behind it, restart, run this; when nothing is left under the old key, remove it."
    )
    requires_system_checks: list[str] = []  # --new-key must work before the first key is set

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be sealed again")
        parser.add_argument("--new-key", action="store_true", help="print a fresh entry for ENCRYPTION_KEYS and stop")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["new_key"]:
            self.stdout.write(encryption.new_key(f"{datetime.now(UTC):%Y%m%d}-{token_hex(2)}"))
            return
        unopened: list[str] = []
        for field in _all_fields():
            unopened += self._rotate(field, dry_run=options["dry_run"])
        if unopened:
            raise CommandError("\n".join([*unopened, "Put the key that is missing back, or connect these again."]))

    def _rotate(self, field: EncryptedTextField, *, dry_run: bool) -> list[str]:
        name, first = f"{field.model._meta.label}.{field.name}", _first_key_id()
        current = sealed_again = 0
        unopened: list[str] = []
        for batch in _batches(field):
            for pk, value in batch:
                try:
                    if _seal_again(field, pk, value, dry_run=dry_run):
                        sealed_again += 1
                    else:
                        current += 1
                except Undecryptable as reason:
                    unopened.append(f"{name} of row {pk} cannot be opened. {reason}")
            self.stdout.write(f"{name}: {current + sealed_again + len(unopened)} read")
        would_be = "would be" if dry_run else "were"
        self.stdout.write(
            f"{name}: {sealed_again} {would_be} sealed again under {first}, {current} were already, "
            f"{len(unopened)} cannot be opened."
        )
        return unopened


def _first_key_id() -> str:
    try:
        if first := encryption.first_key_id():
            return first
    except ImproperlyConfigured as problem:
        raise CommandError(f"ENCRYPTION_KEYS is malformed. {problem}") from None
    raise CommandError("ENCRYPTION_KEYS is not set. Make a key with --new-key.")


def _all_fields() -> list[EncryptedTextField]:
    return [field for model in apps.get_models() for field in encryption.fields_of(model)]


def _batches(field: EncryptedTextField) -> Iterator[list[tuple[Any, Sealed]]]:
    """Rows with a secret, in order of their keys, so that rows written meanwhile disturb nothing."""
    rows = _rows(field).exclude(**{field.name: ""}).exclude(**{field.name: None}).order_by("pk")
    batch = list(rows.values_list("pk", field.name)[:BATCH])
    while batch:
        yield batch
        batch = list(rows.filter(pk__gt=batch[-1][0]).values_list("pk", field.name)[:BATCH])


def _seal_again(field: EncryptedTextField, pk: Any, value: Sealed, *, dry_run: bool) -> bool:
    """Compare and swap: a secret that somebody else wrote since is left as it is, and looked at once more."""
    while value:
        plain = field.open(value, pk)
        if value.key_id == encryption.first_key_id():
            return False
        same = _rows(field).filter(pk=pk, **{field.name: value})
        if dry_run or same.update(**{field.name: field.seal(plain, pk)}):
            return True
        value = _rows(field).filter(pk=pk).values_list(field.name, flat=True).first() or Sealed()
    return False


def _rows(field: EncryptedTextField) -> "models.QuerySet[Any]":
    return field.model._default_manager.all()
