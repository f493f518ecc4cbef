"""Models of requests: each attempt to tell a provider something, and which deliveries were part of it."""

from typing import Any

from django.db import models

from integrations.models.connections import Connection
from integrations.models.deliveries import Delivery


class Attempt(models.Model):
    """One request to the provider, written before it is made: without `finished_at` its outcome is unknown."""

    # For a constraint PostgreSQL would lock the connection's row each time; and `latest_attempts` finds them.
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="attempts", db_constraint=False, db_index=False
    )
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
    run = models.UUIDField(null=True, blank=True, help_text="The run of an action that it was made for, if any.")

    class Meta:
        indexes = [
            models.Index(fields=["connection", "-started_at"], name="latest_attempts"),
            models.Index(fields=["run"], condition=models.Q(run__isnull=False), name="attempts_of_a_run"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} → {self.status or 'no answer'}"


class Part(models.Model):
    """That a delivery was part of what an attempt asked for.

    Thousands may be in one request, so PostgreSQL neither looks at both ends of each nor forbids that it stands twice,
    and finds none by its own number.
    """

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, db_constraint=False, related_name="parts")
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, db_constraint=False, related_name="parts")

    class Meta:
        db_table = "integrations_attempt_deliveries"

    def __str__(self) -> str:
        return f"{self.delivery_id} in {self.attempt_id}"
