"""System checks: the encryption keys of the settings can be read."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from integrations import encryption


@checks.register
def encryption_keys_can_be_read(**_kwargs: Any) -> list[checks.CheckMessage]:
    """Malformed keys end the start; missing ones are reported with the other settings."""
    try:
        encryption.key_ring(settings.ENCRYPTION_KEYS)
    except ImproperlyConfigured as problem:
        hint = "Write id:key,id:key with the newest first; make one with: manage.py rotate_encryption_keys --new-key"
        return [checks.Error(f"ENCRYPTION_KEYS is malformed. {problem}", hint=hint, id="integrations.E001")]
    return []
