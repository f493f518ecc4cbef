"""Facts: what happened, with the fields that all of them have."""

import uuid

from django.db import models
from django.utils import timezone

URL_LENGTH = 500


class Channel(models.TextChoices):
    """How an invite reached a friend, or a friend reached the shop."""

    EMAIL = "email", "E-mail"
    SMS = "sms", "Text message"
    WHATSAPP = "whatsapp", "WhatsApp"
    SOCIAL = "social", "Social network"
    LINK = "link", "Link"
    OTHER = "other", "Other"


class Fact(models.Model):
    """Something that happened, with an id that is the same everywhere."""

    uid = models.UUIDField("id", default=uuid.uuid4, unique=True, editable=False)
    occurred_at = models.DateTimeField("when", default=timezone.now)
    created_at = models.DateTimeField("stored", auto_now_add=True)

    class Meta:
        abstract = True
