"""The models: connections to providers, the deliveries of the outbox, and the attempts to send them."""

import math
import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from integrations.encryption import EncryptedTextField


class Connection(models.Model):
    """One account at one provider, for good: connecting the same account again comes back to its row."""

    class State(models.TextChoices):
        CONNECTED = "connected", "Connected"
        RECONNECT = "reconnect", "Reconnect"
        UNDECIDED = "undecided", "Decide"
        DISCONNECTING = "disconnecting", "Disconnecting"
        DISCONNECTED = "disconnected", "Disconnected"

    ENDED = (State.DISCONNECTED, State.DISCONNECTING, State.UNDECIDED)

    provider = models.SlugField()
    account_id = models.CharField(max_length=64)
    account_name = models.CharField(max_length=255, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    currency = models.CharField(max_length=3, blank=True)

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

    access_token = EncryptedTextField(blank=True, default="")
    refresh_token = EncryptedTextField(blank=True, default="")
    access_expires_at = models.DateTimeField(null=True, blank=True)
    scopes = models.TextField(blank=True, help_text="What was granted, separated by spaces.")
    generation = models.PositiveIntegerField(default=0)
    refresh_lease = models.UUIDField(null=True, blank=True)
    refresh_lease_until = models.DateTimeField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    refresh_failures = models.PositiveIntegerField(default=0, help_text="Failed renewals since the last good one.")
    refresh_problem_code = models.CharField(max_length=64, blank=True)
    refresh_problem = models.TextField(blank=True)

    served_at = models.DateTimeField(null=True, blank=True, help_text="When a worker last took its turn at it.")
    connected_at = models.DateTimeField(null=True, blank=True)
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    disconnected_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

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

    @property
    def is_connected(self) -> bool:
        return self.state == self.State.CONNECTED

    @property
    def granted(self) -> frozenset[str]:
        return frozenset(self.scopes.split())


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
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)


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


class Pause(models.Model):
    """A pause: for a while nothing of a kind (without one, of any) goes to a connection (without one, to any).

    What waits stays queued as it is: accounts are paused, not rows.
    """

    connection = models.ForeignKey(Connection, null=True, blank=True, on_delete=models.CASCADE, related_name="pauses")
    kind = models.CharField(max_length=64, blank=True)
    backlog_only = models.BooleanField(default=False, help_text="What is fresh goes all the same.")
    until = models.DateTimeField()
    code = models.CharField(max_length=64)
    sentence = models.TextField()
    strikes = models.PositiveSmallIntegerField(default=1, help_text="How often in a row, for pauses that grow.")
    began_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "kind", "backlog_only"], name="one_pause_per_connection_and_kind"
            ),
            models.UniqueConstraint(  # for the first one, no NULL equals another (PostgreSQL's default)
                fields=["kind"], condition=models.Q(connection=None), name="one_pause_of_a_kind_everywhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} until {self.until}"


class MessageHold(models.Model):
    """A hold of all messages to people, begun by somebody or by Sorae itself, until an operator lets them go."""

    is_on = models.BooleanField(default=True)
    because = models.TextField()
    began_at = models.DateTimeField(default=timezone.now)
    copy_ends_at = models.DateTimeField(
        null=True, blank=True, help_text="The last moment that a restored copy knows of, as far as can be told."
    )
    lost_until = models.DateTimeField(
        null=True, blank=True, help_text="When workers last looked before the database was restored."
    )
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_on"], condition=models.Q(is_on=True), name="one_hold_at_a_time"),
        ]
        permissions = [("release_messages", "Can let held messages go")]

    def __str__(self) -> str:
        return f"Messages held since {self.began_at}"

    @property
    def restored_at(self) -> datetime:
        """What is older may have gone out already: no worker has worked for the database between then and the hold."""
        return self.lost_until or self.began_at


class DatabaseMark(models.Model):
    """The one row by which workers notice that the database is not the one, or not as far, as it was.

    `number` only grows, and is noted outside of the database as well; `identity` is what the server says of itself.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    site = models.UUIDField(default=uuid.uuid4)
    number = models.PositiveBigIntegerField(default=0)
    counted_at = models.DateTimeField(null=True, blank=True)
    identity = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"{self.site} {self.number}"


class Job(models.Model):
    """A bulk job: a provider works on many deliveries at its own pace; they are sending until it says how it ended."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        LOST = "lost", "Lost"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=64)
    number = models.CharField(max_length=128, help_text="The provider's own id of it.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    size = models.PositiveIntegerField()
    failed = models.PositiveIntegerField(default=0)
    problem = models.TextField(blank=True)
    note = models.JSONField(default=dict, blank=True, help_text="What it is for, where no delivery says so.")
    looks = models.PositiveIntegerField(default=0)
    next_look_at = models.DateTimeField()
    gives_up_at = models.DateTimeField()
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_look_at"], name="running_jobs", condition=models.Q(state="running")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class Chore(models.Model):
    """Something to be done with many waiting deliveries of a connection, some at a time: let go, or taken back.

    It is about those up to one delivery; what is held or queued later is not meant. A person's own acts come first.
    """

    class Verb(models.TextChoices):
        RELEASE = "release", "Let go"
        CANCEL = "cancel", "Taken back"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="chores")
    verb = models.CharField(max_length=8, choices=Verb)
    upto = models.BigIntegerField(help_text="The id of the last delivery that it is about.")
    own_acts_done = models.BooleanField(default=False)
    reached = models.BigIntegerField(default=0, help_text="The id of the last delivery that needs no second look.")
    reason_code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    began_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "verb"], name="one_chore_per_verb_and_connection"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} up to {self.upto}"


class Delivery(models.Model):
    """A row of the outbox, one thing to tell one account: the order and the record of it.

    queued → sending → accepted → confirmed, or skipped, failed, cancelled; held until a person has acted.

    Ordering: deliveries of one `lane` (such as a profile's) are sent one after the other, by id.
    Coalescing: content is made when it is sent, so whatever waits in a lane stands for what is added later (it is only
    touched), and an older one that would have to be repeated is superseded by a newer one that waits.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        ACCEPTED = "accepted", "Accepted"
        CONFIRMED = "confirmed", "Confirmed"
        SKIPPED = "skipped", "Not sent"
        HELD = "held", "Held"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = (State.QUEUED, State.SENDING, State.HELD)

    leased_at = -math.inf  # by the clock of the process that claimed it (time.monotonic)

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    kind = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    lane = models.CharField(max_length=120, blank=True, help_text="Deliveries of one lane go one after the other.")
    source = models.CharField(max_length=120, blank=True, help_text="The id of the fact it tells of.")
    subject = models.CharField(max_length=254, blank=True, help_text="The person it is about.")
    body = models.JSONField(default=dict)
    options = models.JSONField(default=dict, blank=True, help_text="How to send it; not part of the body.")
    warnings = models.JSONField(default=list, blank=True)
    evidence = models.JSONField(null=True, blank=True)

    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    reason_code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)

    occurred_at = models.DateTimeField()
    not_after = models.DateTimeField(null=True, blank=True)
    next_try_at = models.DateTimeField(default=timezone.now)
    lease = models.UUIDField(
        null=True, blank=True, help_text="Whoever has claimed it; while it waits, with whom it is under suspicion."
    )
    attempts_made = models.PositiveIntegerField(default=0)
    shared_tries = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How many tries may share a request with others; after these it goes alone."
    )
    crashes = models.PositiveSmallIntegerField(default=0, help_text="Leases that ended without an outcome.")
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text="When it was read back from the provider.")
    job = models.ForeignKey(
        Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries", db_index=False
    )

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["connection", "key"], name="one_delivery_per_fact"),
        ]
        # None of them on a column that a delivery's way changes: those are on its Place, so that PostgreSQL writes a
        # new state without touching an index: https://www.postgresql.org/docs/current/storage-hot.html
        indexes = [
            models.Index(fields=["subject", "kind"], name="told_of_a_person"),
            models.Index(fields=["source"], name="deliveries_of_a_fact"),
            models.Index(fields=["job"], name="deliveries_of_a_job", condition=models.Q(job__isnull=False)),
        ]
        permissions = [("retry", "Can retry a delivery")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Place(models.Model):
    """A delivery's place in the queue and in the record: the columns that its way changes, and all indexes on them.

    A trigger of the database keeps it in step with its delivery (`integrations.places`); nobody writes to it.
    """

    delivery = models.OneToOneField(
        Delivery, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="place"
    )
    connection = models.ForeignKey(
        Connection, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="places"
    )
    kind = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=Delivery.State.choices)
    is_alone = models.BooleanField(help_text="It shares a request with no other.")
    lane = models.CharField(max_length=120)
    suspects = models.UUIDField(null=True, help_text="With whom it was in a dead worker's hands.")
    next_try_at = models.DateTimeField()
    not_after = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    is_named = models.BooleanField(help_text="Whether the delivery says whom it is about.")

    class Meta:
        # Partial, so that finding what is open costs the same however much is settled:
        # https://www.postgresql.org/docs/current/indexes-partial.html
        indexes = [
            models.Index(
                fields=["connection", "state", "next_try_at", "delivery"],
                name="open_places",
                condition=models.Q(state__in=["queued", "sending", "held"]),
            ),
            models.Index(
                fields=["connection", "kind", "is_alone", "next_try_at", "delivery"],
                name="due_places_of_a_lot",
                condition=models.Q(state="queued", suspects=None),
            ),
            models.Index(
                fields=["connection", "suspects"],
                name="places_under_suspicion",
                condition=models.Q(state="queued", suspects__isnull=False),
            ),
            models.Index(
                fields=["lane", "delivery"],  # nothing else before, or half of it looks as good as all
                name="open_places_of_a_lane",
                condition=models.Q(settled_at=None) & ~models.Q(lane=""),
            ),
            models.Index(fields=["connection", "delivery"], name="held_places", condition=models.Q(state="held")),
            models.Index(
                fields=["not_after"],
                name="places_that_come_too_late",
                condition=models.Q(state__in=["queued", "held"], not_after__isnull=False),
            ),
            models.Index(
                fields=["connection", "state", "-settled_at"],
                name="settled_places",
                condition=models.Q(settled_at__isnull=False),
            ),
            models.Index(
                fields=["settled_at"],
                name="places_to_forget",
                condition=models.Q(settled_at__isnull=False, is_named=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk} {self.state}"


class Lease(models.Model):
    """A worker's hold on the deliveries that it claimed together, until the time is up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="leases")
    deliveries = models.JSONField(help_text="The ids of what was claimed.")
    until = models.DateTimeField()
    began_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["until"], name="leases_by_their_end")]

    def __str__(self) -> str:
        return f"{len(self.deliveries)} deliveries until {self.until}"


class Turn(models.Model):
    """Whose turn it is at work that one process does for all: nobody else's until then."""

    name = models.CharField(max_length=32, primary_key=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until}"


class Attempt(models.Model):
    """One request to the provider, written before it is made: without `finished_at` its outcome is unknown."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="attempts")
    deliveries: "models.ManyToManyField[Delivery, Any]" = models.ManyToManyField(
        Delivery, through="Part", related_name="attempts"
    )
    operation = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    code = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["connection", "-started_at"], name="latest_attempts")]

    def __str__(self) -> str:
        return f"{self.operation} → {self.status or 'no answer'}"


class Part(models.Model):
    """That a delivery was part of what an attempt asked for.

    Thousands may be in one request, so PostgreSQL neither looks at both ends of each nor forbids that it stands twice.
    """

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, db_constraint=False, related_name="parts")
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, db_constraint=False, related_name="parts")

    class Meta:
        db_table = "integrations_attempt_deliveries"

    def __str__(self) -> str:
        return f"{self.delivery_id} in {self.attempt_id}"


class Retirement(models.Model):
    """The day on which a provider ends a revision of its API, by the word of its own answers."""

    provider = models.SlugField()
    revision = models.CharField(max_length=32)
    retires_on = models.DateField()
    noted_at = models.DateTimeField(help_text="When an answer last said so.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "revision"], name="one_end_of_a_revision")]

    def __str__(self) -> str:
        return f"{self.provider} {self.revision} ends on {self.retires_on}"
