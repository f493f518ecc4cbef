"""Flows of an account as a worker read them, what they have earned, and the starter kit that was made there."""

from django.db import models

from integrations.models import Connection


class Copy(models.Model):
    """Something of one account that a worker reads now and then, and whenever somebody asks, for pages to show."""

    read_at = models.DateTimeField(null=True, help_text="When it was read to its end.")
    asked_at = models.DateTimeField(null=True, help_text="When somebody last wanted it read anew.")
    tried_at = models.DateTimeField(null=True, help_text="When the last reading that has come to an end began.")
    problem = models.TextField(blank=True, help_text="Why that came to nothing.")
    next_look_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def is_awaited(self) -> bool:
        """Whether a worker has yet to read it, for the first time or because somebody asked."""
        return self.tried_at is None or (self.asked_at is not None and self.asked_at > self.tried_at)


class FlowReading(Copy):
    """Who listens: of each metric of ours its ids, when it was last seen, and the flows that it starts."""

    connection = models.OneToOneField(Connection, models.CASCADE, related_name="flow_reading")
    metrics = models.JSONField(default=dict, help_text="By our key: ids, seen_at, and of each flow id, name, status.")
    has_flows = models.BooleanField(default=False, help_text="Whether the flows could be read, too.")
    others = models.JSONField(default=list, help_text="Of each other metric its id, its name, and whose it is.")

    def __str__(self) -> str:
        return f"Flows of {self.connection}"


class FlowRevenue(Copy):
    """What flows that our events start have earned, by a conversion metric that an operator has chosen."""

    connection = models.OneToOneField(Connection, models.CASCADE, related_name="flow_revenue")
    metric_id = models.CharField(max_length=64, blank=True)
    metric_name = models.CharField(max_length=255, blank=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    flows = models.JSONField(default=list, help_text="Of each its id, name, recipients, conversions and their value.")
    referred = models.JSONField(default=dict, help_text="By currency, what friends' orders of that time came to.")

    def __str__(self) -> str:
        return f"Revenue of the flows of {self.connection}"


class StarterKit(models.Model):
    """An account's starter kit: what an operator wants done with it, and how far that is."""

    class Wish(models.TextChoices):
        NOTHING = "", "Nothing"
        MAKE = "make", "Make"
        REMOVE = "remove", "Remove"

    connection = models.OneToOneField(Connection, models.CASCADE, related_name="starter_kit")
    wish = models.CharField(max_length=10, choices=Wish, blank=True)
    last_wish = models.CharField(max_length=10, choices=Wish, blank=True)
    asked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True, help_text="What it waits for, or why it came to an end.")
    next_look_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Starter kit of {self.connection}"


class KitItem(models.Model):
    """One thing of a starter kit, with its id at Klaviyo and how it looked when it was made."""

    class State(models.TextChoices):
        MAKING = "making", "Being made"
        MADE = "made", "Made"
        WAITS = "waits", "Waits"
        REFUSED = "refused", "Refused"
        KEPT = "kept", "Kept"
        REMOVED = "removed", "Removed"

    kit = models.ForeignKey(StarterKit, models.CASCADE, related_name="items")
    key = models.CharField(max_length=64)
    klaviyo_id = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITS)
    reason = models.TextField(blank=True)
    made = models.JSONField(default=dict, help_text="What Klaviyo held of it when it was made.")
    is_tagged = models.BooleanField(default=False)
    began_at = models.DateTimeField(null=True, help_text="When Klaviyo was asked to make it, until an answer came.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kit", "key"], name="one_item_per_key_of_a_kit")]

    def __str__(self) -> str:
        return f"{self.key} {self.state}"
