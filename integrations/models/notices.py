"""Models of notices: who is told when something needs somebody, what was told, and which accounts need somebody."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from integrations.encryption import EncryptedTextField
from integrations.models.connections import Connection


class NoticeAddress(models.Model):
    """A mailbox or an endpoint of the operator's own that gets the notices chosen for it."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        ENDPOINT = "endpoint", "Endpoint"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    to = EncryptedTextField(help_text="A mailbox, or an address of the web, whose path may hold a secret.")
    shown = models.CharField(max_length=300, help_text="What the pages show of it.")
    secret = EncryptedTextField(blank=True, default="", help_text="What an endpoint's notices are signed with.")
    names = models.JSONField(default=list, help_text="The names of the notices that it gets.")
    is_on = models.BooleanField(default=True)
    off_because = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ("view",)
        permissions = [("manage_notices", "Can choose who is told when an account needs somebody")]

    def __str__(self) -> str:
        return self.shown

    @property
    def is_mailbox(self) -> bool:
        return self.kind == self.Kind.EMAIL


class Notice(models.Model):
    """Something that was told, once, with all that was said; it holds no secret and nobody's data."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64)
    connection = models.ForeignKey(Connection, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    data = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["at"], name="notices_by_time")]

    def __str__(self) -> str:
        return f"{self.name} at {self.at}"


class NoticeDelivery(models.Model):
    """A notice on its way to one address."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        TOLD = "told", "Told"
        FAILED = "failed", "Failed"

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    address = models.ForeignKey(NoticeAddress, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now, help_text="While one worker is at it, no other is before.")
    problem = models.TextField(blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["notice", "address"], name="one_delivery_of_a_notice_per_address")
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=models.Q(state="waiting"), name="notices_that_wait"),
            models.Index(fields=["address", "-id"], name="notices_of_an_address"),
        ]

    def __str__(self) -> str:
        return f"{self.notice} to {self.address}: {self.state}"


class Need(models.Model):
    """That an account needs somebody, since when and why; the row goes when it needs nobody any more."""

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="need")
    code = models.CharField(max_length=64)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.code} since {self.since}"
