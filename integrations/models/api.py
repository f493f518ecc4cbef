"""Models of our own HTTP API: tokens, calls that were refused, and answers that are kept for a repeated call."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from integrations.encryption import EncryptedTextField
from integrations.models.connections import Connection


class ApiToken(models.Model):
    """A token for programs. Its secret is shown once; here is what recognizes it, and what it may do.

    It is its maker's: who is deactivated takes their tokens along, and with the user they are deleted.
    """

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, help_text="The secret's first characters, to tell tokens apart.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    is_for_all_connections = models.BooleanField(default=False)
    connections = models.ManyToManyField(Connection, blank=True, related_name="api_tokens")
    abilities = models.JSONField(default=list, help_text="The names of what it may do.")
    per_minute = models.PositiveIntegerField(default=300, help_text="Calls that it may make in a minute.")

    class Meta:
        default_permissions = ()
        permissions = [("manage_api_tokens", "Can make and revoke API tokens")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None

    @property
    def is_orphaned(self) -> bool:
        """Whether its maker has been deactivated."""
        return self.created_by is not None and not self.created_by.is_active

    @property
    def is_alive(self) -> bool:
        return not (self.is_expired or self.is_revoked or self.is_orphaned)


class RefusedCall(models.Model):
    """A call that had no token, or one that may not: which address, what for, and why. It holds nothing of the body."""

    class Code(models.TextChoices):
        NO_TOKEN = "no_token", "Without a token"
        UNKNOWN_TOKEN = "unknown_token", "With a token that is not known"
        EXPIRED_TOKEN = "expired_token", "With an expired token"
        REVOKED_TOKEN = "revoked_token", "With a revoked token"
        ORPHANED_TOKEN = "orphaned_token", "With the token of somebody who was deactivated"
        CONNECTION_NOT_ALLOWED = "connection_not_allowed", "For a connection that is not the token's"
        ABILITY_NOT_ALLOWED = "ability_not_allowed", "For something that the token may not do"

    token = models.ForeignKey(ApiToken, null=True, blank=True, on_delete=models.CASCADE, related_name="refused_calls")
    code = models.CharField(max_length=32, choices=Code.choices)
    method = models.CharField(max_length=8)
    route = models.CharField(max_length=200, help_text="The address as it is documented.")
    what = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["at"], name="refused_calls_by_time")]

    def __str__(self) -> str:
        return f"{self.method} {self.route}: {self.code}"


class KeptAnswer(models.Model):
    """A call with an idempotency key: it is stored before its work begins, and its answer afterwards, for a day."""

    class State(models.TextChoices):
        UNDER_WAY = "under_way", "Under way"
        DONE = "done", "Done"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token = models.ForeignKey(ApiToken, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    state = models.CharField(max_length=16, choices=State.choices, default=State.UNDER_WAY)
    run = models.CharField(max_length=64, blank=True, help_text="The id of what was begun, where it is on record.")
    status = models.PositiveSmallIntegerField(default=0)
    answer = EncryptedTextField(blank=True, default="")
    began_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["token", "key"], condition=models.Q(token__isnull=False), name="one_answer_per_token_and_key"
            ),
            models.UniqueConstraint(
                fields=["user", "key"], condition=models.Q(user__isnull=False), name="one_answer_per_user_and_key"
            ),
            models.CheckConstraint(
                condition=models.Q(token__isnull=True) ^ models.Q(user__isnull=True), name="kept_for_one_asker"
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="answers_by_expiry")]

    def __str__(self) -> str:
        return f"{self.state} since {self.began_at}"
