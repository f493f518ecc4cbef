"""Store settings: which store's facts go to which Klaviyo account, and how."""

from typing import Any

from django.db import models, transaction
from django.utils import timezone

from integrations.models import Connection
from klaviyo.models.heard_noes import ServedStore
from klaviyo.models.policies import Policy
from referrals.models import Store


class StoreSetting(models.Model):
    """One store joined to one connection: several of each, in any combination."""

    class Behaviour(models.TextChoices):
        UPDATE_EXISTING = "update_existing", "Update existing profiles only"
        CREATE = "create", "Create profiles that Klaviyo does not know"

    class Permission(models.TextChoices):
        NOT_OPTED_OUT = Policy.NOT_OPTED_OUT.value, "Anyone who has not opted out"
        SUBSCRIBED_ONLY = Policy.SUBSCRIBED_ONLY.value, "Subscribers only"

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="klaviyo_settings")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="store_settings")
    is_enabled = models.BooleanField("enabled", default=True)
    behaviour = models.CharField(max_length=16, choices=Behaviour.choices, default=Behaviour.UPDATE_EXISTING)
    list_id = models.CharField("list", max_length=64, blank=True)
    list_name = models.CharField(max_length=255, blank=True, editable=False)
    newsletter_list_id = models.CharField("newsletter list", max_length=64, blank=True)
    newsletter_list_name = models.CharField(max_length=255, blank=True, editable=False)
    is_double_opt_in = models.BooleanField(default=False, editable=False, help_text="Of the newsletter list.")
    invite_policy = models.CharField(
        "invites go to", max_length=16, choices=Permission.choices, default=Permission.NOT_OPTED_OUT
    )
    reminder_policy = models.CharField(
        "reminders go to", max_length=16, choices=Permission.choices, default=Permission.SUBSCRIBED_ONLY
    )

    left_out = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        help_text="Events and profile fields that are not sent: see mapping.switches.",
    )

    # What was stored before the store was joined, and the account is yet to be told of: see delivery.stored_since
    facts_since = models.DateTimeField(null=True, blank=True, editable=False)
    facts_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When it was switched off first: nothing later is told anew."
    )
    facts_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    facts_reached = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        editable=False,
        help_text="The last fact of each kind.",
    )
    facts_are_told = models.BooleanField(default=False, db_default=False, editable=False, help_text="Once, at least.")

    # How far the account has been told of the noes of the store's people: see consent.owed_noes
    noes_reached = models.BigIntegerField(default=0, editable=False)
    noes_told_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "store setting"
        constraints = [
            models.UniqueConstraint(fields=["store", "connection"], name="one_setting_per_store_and_connection"),
        ]

    def __str__(self) -> str:
        return f"{self.store} → {self.connection}"

    def save(self, *args: Any, **more: Any) -> None:
        """Whatever was changed by it: the account is told anew of what people have said no to.

        A store that is joined takes in what the account had told of before: see `consent.heard_noes`. What happens
        while it is off is not told when it is on again, also where older facts are still being read.
        """
        if more.get("update_fields") is None:
            self.noes_reached, self.noes_told_at = 0, None
            if not self.is_enabled and self.facts_until is None:
                self.facts_until = timezone.now()
        is_new = self._state.adding
        with transaction.atomic():
            super().save(*args, **more)
            if is_new:
                ServedStore.objects.get_or_create(connection=self.connection, store=self.store)
        if is_new:
            self.store.take_time_zone(self.connection.timezone)

    @property
    def creates_profiles(self) -> bool:
        return self.behaviour == self.Behaviour.CREATE

    @property
    def lists(self) -> frozenset[str]:
        """The account's lists that the store uses: who has left one of them gets no message for it."""
        return frozenset(filter(None, (self.list_id, self.newsletter_list_id)))

    def policy(self, message: str) -> Policy:
        """The policy for an "invite" or a "reminder"."""
        return Policy(self.invite_policy if message == "invite" else self.reminder_policy)
