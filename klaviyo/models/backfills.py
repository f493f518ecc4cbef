"""Backfill: how far an account has been told of everybody in a store's programs, and of what happened there before."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from klaviyo.models.store_settings import StoreSetting
from referrals.models import Advocate


class Backfill(models.Model):
    """One walk through a store's advocates, in the order of their ids; it goes on from `reached`, whoever goes on.

    Where a span was asked for, the facts of that time follow when everybody was told of, kind by kind.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        STOPPED = "stopped", "Cancelled"

    UNDER_WAY = (State.RUNNING, State.PAUSED)

    setting = models.ForeignKey(StoreSetting, on_delete=models.CASCADE, related_name="backfills")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    reached = models.BigIntegerField(default=0, help_text="The last advocate that an import was made of.")
    upto = models.BigIntegerField(help_text="The last advocate there was when it began.")
    people = models.PositiveIntegerField(default=0, db_default=0, help_text="How many there were when it began.")
    told = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0, help_text="Unusable addresses, and people nobody may be made of.")
    left_out_for = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="How many were left out, by the code of the reason.",
    )

    facts_since = models.DateTimeField(null=True, blank=True)
    facts_until = models.DateTimeField(null=True, blank=True)
    facts_reached = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), help_text="The last fact of each kind."
    )
    facts = models.PositiveIntegerField(default=0, db_default=0, help_text="How many there were when it began.")
    facts_seen = models.PositiveIntegerField(default=0, db_default=0)
    events = models.PositiveIntegerField(default=0, db_default=0, help_text="Queued for it, each told once.")

    problem = models.TextField(blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    went_on_at = models.DateTimeField(null=True, blank=True, help_text="Since when its pace is measured.")
    done_before = models.PositiveIntegerField(default=0, db_default=0, help_text="What was done by then.")
    worked_at = models.DateTimeField(null=True, blank=True, help_text="When a worker last had it in hand.")
    begun_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who last paused it, resumed it or took it back.",
    )

    class Meta:
        permissions = [("run_backfill", "Can begin, pause and cancel a backfill")]
        constraints = [
            models.UniqueConstraint(
                fields=["setting"],
                condition=models.Q(state__in=["running", "paused"]),
                name="one_backfill_under_way_per_setting",
            ),
        ]

    def __str__(self) -> str:
        return f"Backfill {self.pk}"

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def has_facts(self) -> bool:
        return self.facts_since is not None

    @property
    def done(self) -> int:
        """People and facts that it is through with."""
        return self.told + self.left_out + self.facts_seen

    @property
    def total(self) -> int:
        """No less than what is done: whoever is counted at the beginning may have moved since."""
        return max(self.people, self.told + self.left_out) + max(self.facts, self.facts_seen)


class BackfillProblem(models.Model):
    """What Klaviyo said of a person whom an import of a backfill did not take; the person then goes alone.

    Its words are kept without addresses and phone numbers, and go when the person is erased.
    """

    backfill = models.ForeignKey(Backfill, on_delete=models.CASCADE, related_name="problems")
    advocate = models.ForeignKey(Advocate, on_delete=models.CASCADE, related_name="+")
    code = models.CharField(max_length=64)
    detail = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["backfill", "advocate"], name="one_problem_per_person_of_a_backfill"),
        ]
        indexes = [models.Index(fields=["at"], name="backfill_problems_by_time")]

    def __str__(self) -> str:
        return f"{self.code} in {self.backfill_id}"


def begin_anew(store_settings: Iterable[int]) -> None:
    """Another account has taken the old one's place, and has heard of nobody yet."""
    under_way = Backfill.objects.filter(setting__in=store_settings, state__in=Backfill.UNDER_WAY)
    BackfillProblem.objects.filter(backfill__in=under_way).delete()
    nothing: dict[str, Any] = {"left_out_for": {}, "facts_reached": {}, "went_on_at": timezone.now(), "done_before": 0}
    under_way.update(reached=0, told=0, left_out=0, facts_seen=0, events=0, **nothing)
