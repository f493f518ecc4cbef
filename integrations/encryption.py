"""Encryption at rest: secrets under AES-256-GCM and a ring of keys, each bound to its table, row and column.

A stored value reads `v1.<key id>.<nonce>.<ciphertext>`. Whoever copies it into another row, changes a byte
or takes the key away gets `Undecryptable`, never a wrong secret. Loading rows decrypts nothing.
"""

import base64
import binascii
import re
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

VERSION = "v1"
KEY_BYTES = 32
NONCE_BYTES = 12  # https://cryptography.io/en/latest/hazmat/primitives/aead/: 96 bits, and never the same one twice


class Undecryptable(Exception):
    """The value was sealed under a key that we do not have, or for another place, or was changed."""


class PlainTextRefused(TypeError):
    """Plain text was about to be stored in a column of secrets, or to be searched for in one."""


class Sealed(str):
    """An encrypted value as it is stored."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Sealed()"

    @property
    def key_id(self) -> str:
        parts = self.split(".")
        return parts[1] if len(parts) == 4 else ""


if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class EncryptedTextField(TextField):
    """A text column whose attribute is plain in Python and sealed in the database.

    Assigning seals at once, so the row must have its primary key: one with a counted key is saved before it
    gets a secret. Reading opens; it raises `Undecryptable`. The sealed value itself is under `<name>_sealed`.
    """

    description = "Encrypted text"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def get_attname(self) -> str:
        return f"{self.name}_sealed"

    def get_attname_column(self) -> tuple[str, str]:
        return self.get_attname(), self.db_column or self.name

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, name, _Secret(self))

    def seal(self, plain: str, pk: Any) -> Sealed:
        """The stored form of a secret, for an `update()` of the row with that key."""
        return _seal(plain, self._place(pk))

    def open(self, sealed: str, pk: Any) -> str:
        return _open(sealed, self._place(pk))

    def from_db_value(self, value: str | None, *_unused: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value == "":
            return value
        if not isinstance(value, Sealed):
            raise PlainTextRefused(f"{self.name} holds secrets: assign it to a saved row, or seal it first.")
        return str.__str__(value)

    def get_lookup(self, lookup_name: str) -> Any:
        """Stored values can only be compared as a whole: nothing can be searched in them."""
        if lookup_name not in ("exact", "in", "isnull"):
            return _Unsearchable
        return super().get_lookup(lookup_name)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if value and model_instance.pk is None:
            _refuse_without_row(self.name)
        return value

    def value_to_string(self, obj: models.Model) -> str:  # noqa: ARG002
        """Nothing: dumps and fixtures hold no secrets."""
        return ""

    def _place(self, pk: Any) -> bytes:
        key = self.model._meta.pk.to_python(pk)
        return "\n".join((VERSION, self.model._meta.db_table, self.column or "", str(key))).encode()


class _Unsearchable(models.Lookup):
    """A lookup other than of whole stored values: refused."""

    def __init__(self, *_args: Any) -> None:
        raise PlainTextRefused("Secrets cannot be searched.")


class _Secret:
    """The descriptor that encrypts and decrypts; Django itself only ever sees the encrypted value."""

    def __init__(self, field: EncryptedTextField) -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, _owner: type[models.Model] | None = None) -> Any:
        if instance is None:
            return self
        sealed = getattr(instance, self.field.attname)
        return self.field.open(sealed, instance.pk) if sealed else ""

    def __set__(self, instance: models.Model, plain: str) -> None:
        if plain and instance.pk is None:
            _refuse_without_row(self.field.name)
        setattr(instance, self.field.attname, self.field.seal(plain, instance.pk) if plain else "")


def field_of(model: type[models.Model], name: str) -> EncryptedTextField:
    field = model._meta.get_field(name)
    assert isinstance(field, EncryptedTextField)  # noqa: S101  (a programming error, never input)
    return field


def fields_of(model: type[models.Model]) -> list[EncryptedTextField]:
    return [field for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]


def first_key_id() -> str:
    """The name of the key that seals."""
    return next(iter(key_ring(settings.ENCRYPTION_KEYS)), "")


def word_of(plain: str, place: str) -> str:
    """A word for an address that nobody reads, and that only this place opens again."""
    return str(_seal(plain, place.encode()))


def of_word(word: str, place: str) -> str:
    """What a word stands for. Raises Undecryptable."""
    return _open(word, place.encode())


def new_key(name: str) -> str:
    """A fresh entry for ENCRYPTION_KEYS."""
    return f"{name}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


@lru_cache(maxsize=8)
def key_ring(text: str) -> dict[str, bytes]:
    """The keys by their id, in order. Raises ImproperlyConfigured with a sentence that holds no key."""
    ring: dict[str, bytes] = {}
    for position, entry in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        key_id, _colon, encoded = entry.partition(":")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id):
            raise ImproperlyConfigured(f"Entry {position} does not start with an id and a colon.")
        if key_id in ring:
            raise ImproperlyConfigured(f"Entry {position} has the id of an earlier one.")
        key = _decoded(encoded)
        if len(key) != KEY_BYTES:
            raise ImproperlyConfigured(f"Entry {position} is not 32 bytes in base64.")
        ring[key_id] = key
    return ring


@lru_cache(maxsize=64)
def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # heavy

    return AESGCM(key)


def _seal(plain: str, place: bytes) -> Sealed:
    ring = key_ring(settings.ENCRYPTION_KEYS)
    if not ring:
        raise ImproperlyConfigured("ENCRYPTION_KEYS holds no key to seal with.")
    key_id, key = next(iter(ring.items()))
    nonce = secrets.token_bytes(NONCE_BYTES)
    ciphertext = _cipher(key).encrypt(nonce, plain.encode(), place)
    return Sealed(f"{VERSION}.{key_id}.{_encoded(nonce)}.{_encoded(ciphertext)}")


def _open(sealed: str, place: bytes) -> str:
    from cryptography.exceptions import InvalidTag  # heavy

    try:
        version, key_id, nonce, ciphertext = sealed.split(".")
        key = key_ring(settings.ENCRYPTION_KEYS)[key_id]
        if version != VERSION:
            raise ValueError
        return _cipher(key).decrypt(_decoded(nonce), _decoded(ciphertext), place).decode()
    except KeyError:
        raise Undecryptable("It was sealed under a key that is not in ENCRYPTION_KEYS.") from None
    except (ValueError, InvalidTag):
        raise Undecryptable("It was changed, belongs to another row, or its key has another value now.") from None


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Base64 in either alphabet, padded or not; nothing where it is not base64."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _refuse_without_row(name: str) -> NoReturn:
    raise PlainTextRefused(f"{name} is bound to its row: save the row once before giving it a secret.")
