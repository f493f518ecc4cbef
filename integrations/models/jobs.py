"""Models of work that takes long: bulk jobs at the provider, and chores over many deliveries."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from integrations.models.connections import Connection


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
