"""Erasure receipt: that it was done, by whom and how far; not about whom."""

import uuid

from django.conf import settings
from django.db import models


class Erasure(models.Model):
    """One person's erasure. The deliveries that ask Klaviyo to delete carry this id as their source."""

    uid = models.UUIDField("receipt", default=uuid.uuid4, unique=True, editable=False)
    mailbox_hash = models.CharField(max_length=64, help_text="SHA-256 of the address in its plainest form.")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    removed = models.JSONField(default=dict, help_text="What was removed here, and how many of each.")

    def __str__(self) -> str:
        return f"Erasure {self.uid}"
