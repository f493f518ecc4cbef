"""Model of a day: how the deliveries of a connection ended on it, counted once when it is over."""

from django.db import models

from integrations.models.connections import Connection


class Day(models.Model):
    """One day (UTC) of one connection. What is tried again later counts on the day on which it then ends as well."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="days", db_index=False)
    day = models.DateField()
    delivered = models.PositiveIntegerField()
    held_back = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "day"], name="one_row_per_connection_and_day"),
        ]

    def __str__(self) -> str:
        return f"{self.connection_id} on {self.day}"
