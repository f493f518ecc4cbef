"""Consent: opt-ins with the wording that was agreed to, opt-outs, and suppressed addresses."""

from typing import Any

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from referrals import person_key, text
from referrals.models.addresses import AddressField
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


class Word(Fact):
    """A yes or a no that a person said to a store.

    `turn` is its place among all words that were said to the store, whatever the clocks of those who told them say;
    0 where it is older than turns.
    """

    person = models.CharField(max_length=64, editable=False, default="", help_text="The key of who said it.")
    key_version = models.PositiveSmallIntegerField(default=person_key.VERSION, editable=False)
    turn = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField("stored", default=timezone.now, editable=False)

    store: "models.ForeignKey[Store, Store]"
    store_id: int
    email: AddressField

    class Meta:
        abstract = True

    def save(self, *args: Any, **more: Any) -> None:
        """Also of a row that a host makes by itself: it gets its person's key, and its turn."""
        is_numbered = self.turn or (self.person and not self._state.adding)
        if not self.person:
            self.person, self.key_version = person_key.of(str(self.email)), person_key.VERSION
        if is_numbered:
            super().save(*args, **more)
            return
        with transaction.atomic():
            self.turn = take_a_turn(self.store_id)
            super().save(*args, **more)


def take_a_turn(store_id: int) -> int:
    """The next turn at a store, whose row is locked by it until the transaction ends."""
    Store.objects.filter(pk=store_id).update(words=F("words") + 1)
    return Store.objects.values_list("words", flat=True).get(pk=store_id)


class OptIn(Word):
    """A person asked a store for its newsletter: who, when, where, on which channels, and to which words."""

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        SMS = "sms", "Text message"

    class Proof(models.TextChoices):
        NONE = "", "Nothing: anybody may have typed the address"
        SIGNED_IN = "signed_in", "They were signed in"
        CONFIRMED = "confirmed", "Confirmed from their mailbox"
        OLDER = "older", "It is older than this question"

    store = models.ForeignKey(Store, models.PROTECT, related_name="opt_ins")
    email = AddressField("e-mail", max_length=text.LONGEST_EMAIL)
    proof = models.CharField("proved by", max_length=10, choices=Proof, blank=True, default=Proof.NONE)
    proved_at = models.DateTimeField("proved", null=True, blank=True, help_text="Where the proof came later.")
    phone = models.CharField(max_length=100, blank=True)
    first_name = models.CharField(max_length=150, blank=True)
    channels = models.JSONField(default=list)
    wording = models.ForeignKey(Wording, models.PROTECT, related_name="opt_ins")
    place = models.CharField(max_length=200, help_text="Where the box was: a form's name or a page's address.")

    class Meta:
        verbose_name = "opt-in"
        indexes = [
            models.Index(Lower("email"), name="opt_ins_of_a_person"),
            models.Index("person", "store", name="opt_ins_by_key"),
        ]

    def __str__(self) -> str:
        return f"Opt-in {self.uid}"


class OptOut(Word):
    """A person said no to a store: to its invites, its newsletter, or everything."""

    class Scope(models.TextChoices):
        INVITES = "invites", "Invites and reminders"
        NEWSLETTER = "newsletter", "The newsletter"
        EVERYTHING = "everything", "All of the store's e-mail"

    store = models.ForeignKey(Store, models.PROTECT, related_name="opt_outs")
    email = AddressField("e-mail", max_length=text.LONGEST_EMAIL)
    scope = models.CharField(max_length=10, choices=Scope)
    place = models.CharField(max_length=200, help_text="Where it was said: the link of a message, a page, an API.")
    is_complaint = models.BooleanField(
        "spam complaint", default=False, help_text="They reported a message: only their mailbox takes that back."
    )

    class Meta:
        verbose_name = "opt-out"
        indexes = [
            models.Index(Lower("email"), name="opt_outs_of_a_person"),
            models.Index("person", "store", name="opt_outs_by_key"),
            models.Index("store", "id", name="opt_outs_of_a_store"),
        ]

    def __str__(self) -> str:
        return f"Opt-out {self.uid}"

    def save(self, *args: Any, **more: Any) -> None:
        """Whoever a host means by what it has stored by itself, it is their no."""
        self.email = text.address_in(str(self.email))
        super().save(*args, **more)


class Suppression(models.Model):
    """An address that is not written to, kept as a hash: by one store, or (without one) by any."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        COMPLAINED = "complained", "Reported as spam"
        BOUNCED = "bounced", "Cannot be reached"
        ERASED = "erased", "Erased at the person's wish"

    store = models.ForeignKey(Store, models.CASCADE, null=True, blank=True, related_name="suppressions")
    mailbox_hash = models.CharField("person's key", max_length=64)
    key_version = models.PositiveSmallIntegerField(default=person_key.VERSION, editable=False)
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
