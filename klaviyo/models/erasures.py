"""Erasure receipt: that it was done, by whom and how far; about whom only for as long as an account must hear of it."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from integrations.encryption import EncryptedTextField
from referrals import person_key


class Erasure(models.Model):
    """One person's erasure. The deliveries that ask Klaviyo to delete carry this id as their source.

    The address is kept until every account has been told and the erasure was repeated once: see `klaviyo.tasks`.
    """

    uid = models.UUIDField("receipt", default=uuid.uuid4, unique=True, editable=False)
    mailbox_hash = models.CharField("person's key", max_length=64, db_index=True)
    key_version = models.PositiveSmallIntegerField(default=person_key.VERSION, editable=False)
    address = EncryptedTextField(blank=True, default="")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    removed = models.JSONField(default=dict, help_text="What was removed here, and how many of each.")
    repeated_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was done once more, for what was being written meanwhile."
    )

    def __str__(self) -> str:
        return f"Erasure {self.uid}"

    @property
    def is_address_kept(self) -> bool:
        """Whether it still says whom it is about, to whoever has the key."""
        return bool(getattr(self, "address_sealed"))  # noqa: B009  (a column that only the field knows of)
