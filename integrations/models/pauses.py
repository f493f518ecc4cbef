"""Models of what waits on purpose: a pause of one account, messages that are held, and the mark of this database."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from integrations.models.connections import Connection


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
