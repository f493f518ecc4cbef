"""Runs of actions on record: who ran what over which connection, what became of it, and the people it was about."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from integrations.encryption import EncryptedTextField
from integrations.models import Connection
from referrals import person_key


class ActionRun(models.Model):
    """One run of an action. Its input, its answer and what was said to Klaviyo are sealed, and forgotten in time.

    The three are forgotten together: a run without an input has been.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waits for a worker"
        UNDER_WAY = "under_way", "Under way"
        DONE = "done", "Done"
        ABANDONED = "abandoned", "Abandoned"

    class Origin(models.TextChoices):
        PYTHON = "python", "Code"
        COMMAND = "command", "Command line"
        HTTP = "http", "HTTP"
        PAGE = "page", "Page"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+")
    action = models.CharField(max_length=64)
    origin = models.CharField(max_length=8, choices=Origin)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    token = models.CharField("token's name", max_length=100, blank=True)
    token_number = models.BigIntegerField("token's id", null=True)
    state = models.CharField(max_length=10, choices=State, default=State.UNDER_WAY)
    is_dry = models.BooleanField("dry run", default=False)

    outcome = models.CharField(max_length=8, blank=True)
    reason = models.TextField(blank=True)
    codes = models.JSONField(default=list)
    request_ids = models.JSONField(default=list)
    attempts = models.PositiveIntegerField(default=0)
    took_ms = models.PositiveIntegerField(default=0)
    is_known = models.BooleanField(default=True)
    began_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    key = models.CharField("idempotency key", max_length=300, blank=True)
    asked = models.CharField("digest of what was asked", max_length=64, blank=True)
    given = EncryptedTextField("input", blank=True, default="")
    answered = EncryptedTextField("answer", blank=True, default="")
    exchanged = EncryptedTextField("requests and answers", blank=True, default="")

    named: "set[str] | None" = None  # keys of its people that are stored, as far as this process knows
    asked_about: "set[str] | None" = None  # names in its input, where it is done as it was begun

    class Meta:
        permissions = [("run_action", "Can run an action"), ("use_raw_request", "Can make raw requests")]
        indexes = [
            models.Index(fields=["connection", "-began_at"], name="runs_of_a_connection"),
            models.Index(fields=["-began_at"], name="latest_runs"),
            models.Index(fields=["began_at"], name="runs_to_forget", condition=~models.Q(given="")),
            models.Index(fields=["began_at"], name="queued_runs", condition=models.Q(state="queued")),
            models.Index(fields=["began_at"], name="runs_under_way", condition=models.Q(state="under_way")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "origin", "key"], name="one_run_of_a_key", condition=~models.Q(key="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.outcome or self.state}"


class ActionPerson(models.Model):
    """That a run was about a person, who is known by their key alone: so that an erasure finds it."""

    run = models.ForeignKey(ActionRun, models.CASCADE, related_name="people")
    person = models.CharField("person's key", max_length=64)
    key_version = models.PositiveSmallIntegerField(default=person_key.VERSION, editable=False)

    class Meta:
        indexes = [models.Index(fields=["person"], name="runs_about_a_person")]

    def __str__(self) -> str:
        return f"{self.person[:8]} in {self.run_id}"
