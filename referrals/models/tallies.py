"""Tallies: counters of what is limited, in the database, where all processes see them and no cache can lose them."""

from django.db import models


class Tally(models.Model):
    """How often something has happened in a window of time; the key is a salted hash, which names nobody."""

    key = models.CharField(max_length=64, primary_key=True)
    number = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.number} until {self.ends_at}"
