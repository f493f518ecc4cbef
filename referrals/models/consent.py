"""Consent: opt-ins with the wording that was agreed to, opt-outs, and suppressed addresses."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from referrals import text
from referrals.models.facts import Fact
from referrals.models.stores import Store


class Wording(models.Model):
    """A text that people agreed to, as they saw it; never changed, so that each opt-in can show its own."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="wordings")
    text = models.TextField()
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the text.")
    created_at = models.DateTimeField("first used", auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("store", "digest", name="one_wording_per_text_and_store")]

    def __str__(self) -> str:
        return self.text


class OptIn(Fact):
    """A person asked a store for its newsletter: who, when, where, on which channels, and to which words."""

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        SMS = "sms", "Text message"

    store = models.ForeignKey(Store, models.PROTECT, related_name="opt_ins")
    email = models.EmailField("e-mail", max_length=text.LONGEST_EMAIL)
    phone = models.CharField(max_length=100, blank=True)
    first_name = models.CharField(max_length=150, blank=True)
    channels = models.JSONField(default=list)
    wording = models.ForeignKey(Wording, models.PROTECT, related_name="opt_ins")
    place = models.CharField(max_length=200, help_text="Where the box was: a form's name or a page's address.")

    class Meta:
        verbose_name = "opt-in"
        indexes = [models.Index(Lower("email"), name="opt_ins_of_a_person")]

    def __str__(self) -> str:
        return f"Opt-in {self.uid}"


class OptOut(Fact):
    """A person said no to a store: to its invites, its newsletter, or everything."""

    class Scope(models.TextChoices):
        INVITES = "invites", "Invites and reminders"
        NEWSLETTER = "newsletter", "The newsletter"
        EVERYTHING = "everything", "All of the store's e-mail"

    store = models.ForeignKey(Store, models.PROTECT, related_name="opt_outs")
    email = models.EmailField("e-mail", max_length=text.LONGEST_EMAIL)
    scope = models.CharField(max_length=10, choices=Scope)
    place = models.CharField(max_length=200, help_text="Where it was said: the link of a message, a page, an API.")

    class Meta:
        verbose_name = "opt-out"
        indexes = [models.Index(Lower("email"), name="opt_outs_of_a_person")]

    def __str__(self) -> str:
        return f"Opt-out {self.uid}"


class Suppression(models.Model):
    """An address that is not written to, kept as a hash: by one store, or (without one) by any."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        COMPLAINED = "complained", "Reported as spam"
        BOUNCED = "bounced", "Cannot be reached"
        ERASED = "erased", "Erased at the person's wish"

    store = models.ForeignKey(Store, models.CASCADE, null=True, blank=True, related_name="suppressions")
    mailbox_hash = models.CharField(max_length=64, help_text="SHA-256 of the address in its plainest form.")
    reason = models.CharField(max_length=12, choices=Reason)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mailbox_hash", "store", "reason"], name="one_suppression_per_store_and_reason"
            ),
            models.UniqueConstraint(  # for the first one, no NULL equals another (PostgreSQL's default)
                fields=["mailbox_hash", "reason"], condition=Q(store=None), name="one_suppression_per_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.mailbox_hash[:12]}"
