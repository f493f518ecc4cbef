"""E-mail address columns, in which capitals and small letters are told alike in one way, whatever the database speaks.

The small letter of I is another than i in a database whose language is Turkish. So addresses are compared by the
collation "C", by which PostgreSQL knows the letters from A to Z and no others, as SQLite does; and what is beyond ASCII
is stored as `person_key.small` has it.
https://www.postgresql.org/docs/current/collation.html#COLLATION-MANAGING-STANDARD
https://www.sqlite.org/lang_corefunc.html#lower
"""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import lookups

from referrals import person_key

if TYPE_CHECKING:
    EmailField = models.EmailField[str, str]
else:
    EmailField = models.EmailField


class AddressField(EmailField):
    """An e-mail address."""

    def db_parameters(self, connection: Any) -> Any:
        found = super().db_parameters(connection)
        return {**found, "collation": "C"} if connection.vendor == "postgresql" else found

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        """What has just been stored says the same as what is read later."""
        stored = self.get_prep_value(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, stored)
        return stored

    def get_prep_value(self, value: Any) -> Any:
        prepared = super().get_prep_value(value)
        is_plain = not isinstance(prepared, str) or prepared.isascii()
        return prepared if is_plain else person_key.small(prepared)


class _InOneCollation:
    """Both sides in the column's: a value has the database's own."""

    def get_rhs_op(self, connection: Any, rhs: str) -> Any:
        value = f'{rhs} COLLATE "C"' if connection.vendor == "postgresql" else rhs
        return super().get_rhs_op(connection, value)  # type: ignore[misc]


@AddressField.register_lookup
class _IExact(_InOneCollation, lookups.IExact):
    pass


@AddressField.register_lookup
class _IContains(_InOneCollation, lookups.IContains):
    pass


@AddressField.register_lookup
class _IStartsWith(_InOneCollation, lookups.IStartsWith):
    pass


@AddressField.register_lookup
class _IEndsWith(_InOneCollation, lookups.IEndsWith):
    pass
