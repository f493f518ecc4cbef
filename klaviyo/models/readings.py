"""Readings: how far an account's accepted events were read back, and which could not be found there."""

from django.db import models

from integrations.models import Connection, Delivery


class Reading(models.Model):
    """One account's reading, in rounds: each goes over everything that was accepted and is not confirmed yet."""

    connection = models.OneToOneField(Connection, models.CASCADE, related_name="reading")
    metrics = models.JSONField(default=dict, help_text="The account's ids of our metrics, by name.")
    since = models.DateTimeField(help_text="What was accepted before is confirmed, or reported as missing.")
    began_at = models.DateTimeField(null=True, help_text="The round goes over what was accepted until here.")
    reached = models.DateTimeField(null=True, help_text="What was accepted until here was looked for in this round.")
    place = models.JSONField(default=dict, help_text="Where a part that took too long goes on.")
    last_began_at = models.DateTimeField(null=True, help_text="Of the last round that came to its end.")
    next_look_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Reading of {self.connection}"


class Miss(models.Model):
    """An event that Klaviyo took and does not show: it was sent once more, and is not a third time."""

    delivery = models.OneToOneField(Delivery, models.CASCADE, related_name="miss")
    missed_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Miss of {self.delivery_id}"
