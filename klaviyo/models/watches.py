"""Consent watch: an account's webhook or polling, and the notices of changed consent that came by it."""

from django.db import models
from django.utils import timezone

from integrations.encryption import EncryptedTextField
from integrations.models import Connection


class ConsentWatch(models.Model):
    """How one account tells us of changed consent: by a webhook, or (without one) by being asked every minute."""

    connection = models.OneToOneField(Connection, models.CASCADE, related_name="consent_watch")
    webhook_id = models.CharField(max_length=64, blank=True, db_index=True)
    secret = EncryptedTextField(blank=True, default="")
    topics = models.JSONField(default=list)
    problem = models.TextField(blank=True, help_text="Why there is no webhook.")
    last_heard_at = models.DateTimeField(null=True, blank=True)
    pulled_until = models.DateTimeField(null=True, blank=True, help_text="Suppressions are known up to here.")
    pull_left = models.JSONField(default=dict, blank=True, help_text="Where a pull that took too long goes on.")
    checked_at = models.DateTimeField(null=True, blank=True, help_text="When its webhook was last seen to.")
    next_look_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Watch of {self.connection}"


class Notice(models.Model):
    """One change that an account told us of, stored before it is acted on."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="notices")
    external_id = models.CharField(max_length=200)
    topic = models.CharField(max_length=200)
    profile_id = models.CharField(max_length=64, blank=True)
    email = models.CharField(max_length=254, blank=True)
    happened_at = models.DateTimeField(null=True, blank=True)
    payload = models.JSONField(default=dict)
    received_at = models.DateTimeField(auto_now_add=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    outcome = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "external_id"], name="one_notice_per_id"),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], name="notices_to_process", condition=models.Q(processed_at=None)),
            models.Index(fields=["email"], name="notices_of_a_person"),
            models.Index(fields=["profile_id"], name="notices_of_a_profile"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.external_id}"
