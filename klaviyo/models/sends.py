"""Sends: one invite or reminder to one person, and every consent decision about it."""

from django.db import models

from integrations.models import Connection, Delivery
from klaviyo.models.store_settings import StoreSetting
from referrals import person_key
from referrals.models import Invite, Program, Reminder, Store


class Send(models.Model):
    """An invite or a reminder to one friend, through one account. Its state is that of its delivery."""

    class Kind(models.TextChoices):
        INVITE = "invite", "Invite"
        REMINDER = "reminder", "Reminder"

    class Channel(models.TextChoices):
        KLAVIYO = "klaviyo", "Klaviyo flow"
        SORAE = "sorae", "Sorae's e-mail"

    kind = models.CharField(max_length=10, choices=Kind)
    channel = models.CharField(max_length=10, choices=Channel)
    store = models.ForeignKey(Store, models.PROTECT, related_name="sends")
    program = models.ForeignKey(Program, models.PROTECT, related_name="sends")
    setting = models.ForeignKey(StoreSetting, models.SET_NULL, null=True, related_name="sends")
    invite = models.ForeignKey(Invite, models.CASCADE, related_name="sends")
    reminder = models.ForeignKey(Reminder, models.CASCADE, null=True, related_name="sends")
    delivery = models.OneToOneField(Delivery, models.CASCADE, related_name="send")
    profile_id = models.CharField("profile at Klaviyo", max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # What the caps count
    mailed_at = models.DateTimeField(
        null=True, blank=True, help_text="Handed to the mail server, or told to Klaviyo; as far as we know."
    )
    mailbox_hash = models.CharField(
        "friend's key", max_length=64, blank=True, db_default="", help_text="The person's key: to whom it went."
    )
    key_version = models.PositiveSmallIntegerField(
        default=person_key.VERSION, db_default=person_key.VERSION, editable=False
    )

    # Of a message of our own
    message_id = models.CharField(max_length=200, blank=True, db_index=True)
    bounced_at = models.DateTimeField(null=True, blank=True)
    bounce = models.TextField(blank=True, help_text="What the mail server said, or the complaint.")

    class Meta:
        permissions = [("erase", "Can erase a person")]
        indexes = [
            models.Index(fields=["program", "-id"], name="sends_of_a_program"),
            models.Index(fields=["store", "mailed_at"], name="mail_of_a_store"),
            models.Index(
                fields=["store", "mailbox_hash", "mailed_at"],
                name="messages_to_a_person",
                condition=models.Q(mailed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def joined_by(self) -> StoreSetting | None:
        """The setting by which its store is joined to its account now; `setting` is the one of when it was queued."""
        here = StoreSetting.objects.filter(store=self.store_id, connection=self.delivery.connection_id)
        return here.select_related("connection", "store").first()


class ConsentDecision(models.Model):
    """One answer to "may this go?": what Klaviyo said, how old that was, which policy, and the verdict."""

    send = models.ForeignKey(Send, models.CASCADE, related_name="decisions")
    connection = models.ForeignKey(
        Connection, models.SET_NULL, null=True, related_name="+", help_text="The account whose answer decided."
    )
    is_allowed = models.BooleanField()
    code = models.CharField(max_length=64)
    sentence = models.TextField()
    policy = models.CharField(max_length=16, blank=True)
    evidence = models.JSONField(default=dict)
    asked_at = models.DateTimeField(null=True, help_text="When Klaviyo answered; none where it was not asked.")
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # Few; an erased person is looked for in what they say of another address.
            models.Index(fields=["send"], name="unknown_consents", condition=models.Q(code="consent_unknown")),
        ]

    def __str__(self) -> str:
        return f"{'yes' if self.is_allowed else 'no'}: {self.code}"
