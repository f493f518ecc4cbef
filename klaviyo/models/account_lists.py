"""Account lists: a copy of the lists of one account, which the settings page searches."""

from django.db import models

from integrations.models import Connection


class AccountLists(models.Model):
    """The lists as they were last read by a worker, each with `id`, `name` and `opt_in_process`."""

    connection = models.OneToOneField(Connection, models.CASCADE, related_name="account_lists")
    lists = models.JSONField(default=list)
    read_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True, help_text="Why some or all could not be read the last time.")
    next_look_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Lists of {self.connection}"
