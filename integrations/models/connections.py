"""Models of connections: a provider's account, what opens it, what is still to be revoked, and its checks."""

import math
import time
import uuid
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from integrations.encryption import EncryptedTextField
from integrations.prepared import Given, Reading

JUST_NOW = 1.0  # seconds


class Connection(models.Model):
    """One account at one provider, for good: connecting the same account again comes back to its row."""

    class State(models.TextChoices):
        CONNECTED = "connected", "Connected"
        RECONNECT = "reconnect", "Reconnect"
        UNDECIDED = "undecided", "Decide"
        DISCONNECTING = "disconnecting", "Disconnecting"
        DISCONNECTED = "disconnected", "Disconnected"

    class Kind(models.TextChoices):
        OAUTH = "oauth", "OAuth"
        PRIVATE_KEY = "private_key", "private key"

    ENDED = (State.DISCONNECTED, State.DISCONNECTING, State.UNDECIDED)

    provider = models.SlugField()
    account_id = models.CharField(max_length=64)
    account_name = models.CharField(max_length=255, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    is_test_account = models.BooleanField(default=False, db_default=False, help_text="As the provider says.")

    state = models.CharField(max_length=16, choices=State.choices, default=State.DISCONNECTED)
    problem_code = models.CharField(max_length=64, blank=True)
    problem = models.TextField(blank=True)
    problem_at = models.DateTimeField(null=True, blank=True)
    replaces = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="replaced_by",
        help_text="Set while an operator has yet to decide about a different account that came back.",
    )

    # Workers of the version before know nothing of keys: hence the defaults in the database.
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.OAUTH, db_default=Kind.OAUTH)
    private_key = EncryptedTextField(blank=True, default="", db_default="")
    key_ending = models.CharField(
        max_length=4, blank=True, db_default="", help_text="The key's last characters, to recognize it by."
    )
    access_token = EncryptedTextField(blank=True, default="")
    refresh_token = EncryptedTextField(blank=True, default="")
    access_expires_at = models.DateTimeField(null=True, blank=True)
    scopes = models.TextField(blank=True, help_text="What was granted, separated by spaces.")
    refused_scopes = models.TextField(
        blank=True, db_default="", help_text="What a private key may not do, as far as that is known."
    )
    generation = models.PositiveIntegerField(default=0)
    refresh_lease = models.UUIDField(null=True, blank=True)
    refresh_lease_until = models.DateTimeField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    refresh_failures = models.PositiveIntegerField(default=0, help_text="Failed renewals since the last good one.")
    refresh_problem_code = models.CharField(max_length=64, blank=True)
    refresh_problem = models.TextField(blank=True)

    served_at = models.DateTimeField(null=True, blank=True, help_text="When a worker last took its turn at it.")
    connected_at = models.DateTimeField(null=True, blank=True)
    allowed_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was connected after it was not; connecting anew leaves it."
    )
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    disconnected_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    database_now: datetime | None = None  # when it was looked at, by the database's clock
    looked_at = -math.inf  # and by this process's own

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "account_id"], name="one_connection_per_account"),
        ]
        permissions = [
            ("connect", "Can connect an account"),
            ("reconnect", "Can reconnect an account"),
            ("disconnect", "Can disconnect an account"),
        ]

    def __str__(self) -> str:
        return f"{self.account_name or self.account_id} ({self.provider})"

    @classmethod
    def look(cls, pk: int) -> "Connection | None":
        """The row as it is now, with the database's time."""
        began_at = time.monotonic()
        if found := _BY_ITS_NUMBER.first(pk=pk):
            found.database_now, found.looked_at = vars(found).pop("now_there"), began_at
        return found

    def was_just_looked_at(self) -> bool:
        """Whether nobody needs to look again; True once only, as what comes after it may take its time."""
        found, self.looked_at = self.looked_at, -math.inf
        return time.monotonic() - found < JUST_NOW

    @property
    def is_connected(self) -> bool:
        return self.state == self.State.CONNECTED

    @property
    def has_key(self) -> bool:
        return self.kind == self.Kind.PRIVATE_KEY

    @property
    def granted(self) -> frozenset[str]:
        return frozenset(self.scopes.split())

    def lacks(self, scopes: Iterable[str]) -> list[str]:
        """Those of the scopes that it is known not to have. Of a key some are not known before their first use."""
        if self.has_key:
            return sorted(set(scopes) & set(self.refused_scopes.split()))
        return sorted(set(scopes) - self.granted)


_BY_ITS_NUMBER: Reading[Connection] = Reading(
    lambda: Connection.objects.filter(pk=Given("pk")).annotate(now_there=Now())
)


class Authorization(models.Model):
    """One OAuth authorization, a trip to a consent screen: single use, bound to session, user and intent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.SlugField()
    state_hash = models.CharField(max_length=64, unique=True)
    session_hash = models.CharField(max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(
        Connection,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The connection to renew; empty when a new one is wanted.",
    )
    code_verifier = EncryptedTextField()
    scopes = models.TextField(blank=True, help_text="What was asked for, separated by spaces.")
    whom = models.CharField(
        max_length=64, blank=True, db_default="", help_text="Whom the account is to serve, in the provider's own word."
    )
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)


class Offer(models.Model):
    """Access of another kind to an account that is connected: whoever brought it decides whether it takes over."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="offers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=Connection.Kind.choices)
    access = EncryptedTextField(help_text="A grant or a key, as JSON.")
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()


class Revocation(models.Model):
    """A token that is yet to be revoked at the provider."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="revocations")
    token = EncryptedTextField()
    attempts = models.PositiveIntegerField(default=0)
    problem = models.TextField(blank=True)
    next_try_at = models.DateTimeField(default=timezone.now)
    gives_up_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)


class HealthCheck(models.Model):
    """One health check: the provider was asked whether it accepts our access, and to which account."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="health_checks")
    passed = models.BooleanField()
    code = models.CharField(max_length=64, blank=True)
    sentence = models.TextField(blank=True)
    checked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["connection", "-checked_at"], name="latest_health_check")]
