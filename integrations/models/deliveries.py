"""Models of the outbox: a delivery, its place in the queue, the leases of workers and their turns."""

import math
import uuid
from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from integrations.models.connections import Connection
from integrations.models.jobs import Job
from integrations.packing import PackedJSONField


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
    as_claimed: tuple[Any, ...] = ()  # what a worker may have changed since (see `contents`)
    answered: Any = None  # the attempt at it that was answered, and is yet to be written as such

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    kind = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    lane = models.CharField(max_length=120, blank=True, help_text="Deliveries of one lane go one after the other.")
    source = models.CharField(max_length=120, blank=True, help_text="The id of the fact it tells of.")
    subject = models.CharField(max_length=254, blank=True, help_text="The person it is about.")
    body = PackedJSONField(default=dict)
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

    @property
    def contents(self) -> tuple[Any, ...]:
        """What is written anew with the outcome when it is no longer as it was claimed. A body is never changed, but
        another one put in its place.
        """
        return self.subject, self.evidence, tuple(self.warnings), dict(self.options), self.body


class Place(models.Model):
    """A delivery's place in the queue and in the record: the columns that its way changes, and all indexes on them.

    A trigger of the database keeps it in step with its delivery (`integrations.places`); nobody writes to it.
    """

    ANY_NAMED = (True, False)

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
                condition=models.Q(suspects__isnull=False),  # and nothing that another index would do for
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
            # Asked for with both values of `is_named` (ANY_NAMED) where these do not matter: so those to be forgotten
            # are found by it as well, and a change of state is written to one index instead of two.
            models.Index(
                fields=["connection", "state", "is_named", "settled_at"],
                name="places_as_they_ended",
                condition=models.Q(settled_at__isnull=False),
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
