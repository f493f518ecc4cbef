"""Backfill: how far an account has been told of everybody in a store's programs."""

from collections.abc import Iterable

from django.db import models
from django.utils import timezone

from klaviyo.models.store_settings import StoreSetting


class Backfill(models.Model):
    """One walk through a store's advocates, in the order of their ids; it goes on from `reached`, whoever goes on."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"

    setting = models.ForeignKey(StoreSetting, on_delete=models.CASCADE, related_name="backfills")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    reached = models.BigIntegerField(default=0, help_text="The last advocate that an import was made of.")
    upto = models.BigIntegerField(help_text="The last advocate there was when it began.")
    told = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0, help_text="Unusable addresses, and people nobody may be made of.")
    problem = models.TextField(blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["setting"], condition=models.Q(state="running"), name="one_running_backfill_per_setting"
            ),
        ]

    def __str__(self) -> str:
        return f"Backfill {self.pk}"


def begin_anew(store_settings: Iterable[int]) -> None:
    """Another account has taken the old one's place, and has heard of nobody yet."""
    running = Backfill.objects.filter(setting__in=store_settings, state=Backfill.State.RUNNING)
    running.update(reached=0, told=0, left_out=0)
