"""Account lists: our copy of an account's lists, from which people choose without Klaviyo being asked."""

from django.db import models

from integrations.models import Connection


class AccountLists(models.Model):
    """One account's lists as they were read last, and what keeps them from being read anew."""

    connection = models.OneToOneField(Connection, models.CASCADE, related_name="lists")
    lists = models.JSONField(default=list, help_text="Of each its id, its name, and Klaviyo's word for its opt-in.")
    read_at = models.DateTimeField(null=True, help_text="When they were all read; without it these may be a part.")
    asked_at = models.DateTimeField(null=True, help_text="When somebody last wanted them read anew.")
    tried_at = models.DateTimeField(null=True, help_text="When the last reading that has come to an end began.")
    problem = models.TextField(blank=True, help_text="Why that came to nothing.")
    half = models.JSONField(default=dict, help_text="Where a reading that takes long goes on, and its lists so far.")
    next_look_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Lists of {self.connection}"

    @property
    def is_awaited(self) -> bool:
        """Whether a worker has yet to read them, for the first time or because somebody asked."""
        return self.tried_at is None or (self.asked_at is not None and self.asked_at > self.tried_at)
